"""Decides which task is next; knows nothing of bytes and pages."""

from ._lanes import LaneSettings
from ._run import RunEnd, run_lanes

__all__ = ["LaneSettings", "RunEnd", "run_lanes"]

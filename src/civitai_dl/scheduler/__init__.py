"""Decides which task is next; knows nothing of bytes and pages."""

from ._growth import Traffic
from ._lanes import LaneSettings
from ._run import RunEnd, run_lanes

__all__ = ["LaneSettings", "RunEnd", "Traffic", "run_lanes"]

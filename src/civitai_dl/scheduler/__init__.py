"""Decides which task is next; knows nothing of bytes and pages."""

from ._controls import Controls, LaneNow
from ._growth import Traffic
from ._lanes import LaneSettings
from ._run import RunEnd, run_lanes
from ._spare import Spare

__all__ = ["Controls", "LaneNow", "LaneSettings", "RunEnd", "Spare", "Traffic", "run_lanes"]

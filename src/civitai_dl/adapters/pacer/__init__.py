"""The pace of requests, learned for each lane and host."""

from ._pacer import LanePacer, Rates

__all__ = ["LanePacer", "Rates"]

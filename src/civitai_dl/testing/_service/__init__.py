"""The simulated service: its three origins, its habits, its faults and its book."""

from civitai_dl.testing._service._account import Account, Seen
from civitai_dl.testing._service._alterations import (
    Alteration,
    byteranges,
    displaced,
    gzipped,
    mislabelled,
    misplaced,
    redirected,
    rewritten,
    shortened,
    swapped,
    unasked_part,
)
from civitai_dl.testing._service._answers import RAW_CONTROLS
from civitai_dl.testing._service._fake import FakeCivitai
from civitai_dl.testing._service._faults import Fault, Faults, Planted
from civitai_dl.testing._service._known_faults import KNOWN_FAULTS
from civitai_dl.testing._service._options import GOOD_KEY, FakeOptions, Origin

__all__ = [
    "GOOD_KEY",
    "KNOWN_FAULTS",
    "RAW_CONTROLS",
    "Account",
    "Alteration",
    "FakeCivitai",
    "FakeOptions",
    "Fault",
    "Faults",
    "Origin",
    "Planted",
    "Seen",
    "byteranges",
    "displaced",
    "gzipped",
    "mislabelled",
    "misplaced",
    "redirected",
    "rewritten",
    "shortened",
    "swapped",
    "unasked_part",
]

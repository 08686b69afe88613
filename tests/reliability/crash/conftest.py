"""The helpers beside these tests, and those of the scenarios, are importable by name."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
for folder in (HERE.parent.parent / "scenario", HERE.parent.parent, HERE):
    sys.path.insert(0, str(folder))

"""The helpers of the scenarios are importable by name here, too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "scenario"))

"""Where the data sets lie that are not part of the repository."""

from pathlib import Path

SHARED = Path(__file__).resolve().parents[4] / "shared/data"
REFERENCE = SHARED / "reference_zh"

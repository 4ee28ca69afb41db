"""Lets the tests import the toy suite beside them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

"""What the tests of the engine share: people whose columns have every form that there is."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

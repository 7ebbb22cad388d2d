"""Lets the tests import `bag_forms`, which lies beside this file."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

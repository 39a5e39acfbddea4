"""Test modules share what is held against each loss: loss_checks.py beside them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

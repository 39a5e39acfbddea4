"""The makers of files that several tests share."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # header_forms, which pytest's importlib mode does not find by itself

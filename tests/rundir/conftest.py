"""The drawn run directory that the tests of the report look at is what the tests of its reader look at too."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # the oracle and the interruptions of the state machine

_spec = importlib.util.spec_from_file_location(
    "drawn_run", Path(__file__).resolve().parents[1] / "report" / "conftest.py"
)
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

pictures, run_writer, run_folder = _module.pictures, _module.run_writer, _module.run_folder

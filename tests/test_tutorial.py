"""The ten-minute tutorial, run as it is written."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs" / "tutorial.md"


@pytest.mark.full
def test_every_command_of_the_tutorial_works(tmp_path: Path) -> None:
    """One after the other in an empty folder; what the page says is there afterwards is there."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SEGKIT_")}
    environ |= {"SEGKIT_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    text = PAGE.read_text().replace("\\\n", "")
    commands = [line.strip() for line in text.splitlines() if line.startswith("    segkit ")]
    assert len(commands) >= 8
    work = tmp_path / "work"
    work.mkdir()
    for command in commands:
        words = [sys.executable, "-m", *shlex.split(command)]
        done = subprocess.run(words, cwd=work, env=environ, capture_output=True, text=True, timeout=900, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    named = re.findall(r"`((?:first|predicted)/[\w./]+)`", PAGE.read_text())
    assert len(named) >= 2
    for pattern in (*named, "comparisons/*/report.html", "first/explanations/*/panel-*.png", "first/*.pt2"):
        assert list(work.glob(pattern)), pattern

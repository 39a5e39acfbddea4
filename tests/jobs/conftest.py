"""Commands over the toy plugin, carried out in the tests' own process."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from segkit.cli import main
from segkit.discovery import Registry


@pytest.fixture
def segkit(toy_registry: Registry, monkeypatch: pytest.MonkeyPatch):
    """Call `segkit ARGS` with the toy plugin alone; the report is an empty page."""
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **_: toy_registry))
    monkeypatch.setattr(
        "segkit.jobs.run.write_report", lambda folder, *_, **__: Path(folder, "report.html").write_text("")
    )

    def call(*args: str, code: int = 0) -> Result:
        done = CliRunner().invoke(main, list(args))
        assert done.exit_code == code, done.output + repr(done.exception)
        return done

    return call

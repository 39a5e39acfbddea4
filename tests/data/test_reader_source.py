"""A reader's digest follows its source."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from segkit.data.reader_source import _digest, modules_of, reader_digest

READER = "from segkit_grown.help import scale\n\n\nclass Reader:\n    def read(self, case):\n        return scale(1)\n"
HELP = "def scale(value):\n    return value * 2\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plugin's package: a reader, a helper it imports, and a module that it has nothing of."""
    folder = tmp_path / "segkit_grown"
    folder.mkdir()
    for name, text in {"__init__": "", "reader": READER, "help": HELP, "other": "X = 1\n"}.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def digest() -> str:
    """The digest of the reader as a new process would have it."""
    for name in [name for name in sys.modules if name.startswith("segkit_grown")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    _digest.cache_clear()
    return reader_digest(importlib.import_module("segkit_grown.reader").Reader())


@pytest.mark.parametrize(
    ("file", "text", "changes"),
    [
        ("reader", READER.replace("scale(1)", "scale(2)"), True),
        ("help", HELP.replace("2", "3"), True),
        ("help", "# why\n" + HELP, False),
        ("other", "X = 2\n", False),
    ],
)
def test_what_the_reader_does_counts(package: Path, file: str, text: str, changes: bool) -> None:
    """Its module and its helpers' do; a comment, and what it has nothing of, do not."""
    before = digest()
    assert digest() == before
    (package / f"{file}.py").write_text(text)
    assert (digest() != before) == changes


def test_the_core_is_no_part_of_a_reader(toy_registry) -> None:
    """What a reader has from segkit itself has the store's format for its changes."""
    reader = toy_registry.find("data", "squares").load()
    assert "segkit_toy" in modules_of(reader)
    assert not any(name == "segkit" or name.startswith("segkit.") for name in modules_of(reader))

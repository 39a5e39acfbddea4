"""Sections of a run's page, on a small run directory drawn here."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segkit.contracts import SectionContent
from segkit.errors import SegkitError
from segkit.testing.check import check, fail
from segkit.testing.subjects import ComponentSubject

PNG = b"\x89PNG\r\n\x1a\n"
HEADER = "case,group,class,reference,predicted,status,overlap"
CASES = ("case-1,a,lesion,120,100,ok,0.8", "case-2,b,lesion,80,0,missed,0.0", "case-3,b,lesion,0,0,empty,")
SUMMARY: dict[str, Any] = {
    "format": 1,
    "finished": True,
    "name": "sample",
    "main_metric": "overlap",
    "higher_is_better": {"overlap": True},
    "split": "val",
    "cases": {"train": 4, "val": 3, "test": 0},
    "parameters": 1000,
    "task": {"in_channels": 1, "classes": ["lesion"], "spatial_dims": 2},
}
CONFIG = 'run.name = "sample"\n[train]\nepochs = 1\n'
EPOCH = {"epoch": 1, "loss": 0.5, "learning_rate": 0.001, "seconds": 1.0, "val": {"overlap": 0.5}}


@contextmanager
def run_directory(*, bare: bool = False) -> Iterator[Path]:
    """A finished run of three cases, or one that only began."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        folder.mkdir()
        (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
        if not bare:
            (folder / "summary.json").write_text(json.dumps(SUMMARY), encoding="utf-8")
            (folder / "cases.csv").write_text("\n".join([HEADER, *CASES, ""]), encoding="utf-8")
            (folder / "history.jsonl").write_text(json.dumps(EPOCH) + "\n", encoding="utf-8")
            (folder / "predictions").mkdir()
            draw(folder / "predictions")
        yield folder


def draw(folder: Path) -> None:
    """Write a label map for each case."""
    import numpy as np
    from PIL import Image

    for number, line in enumerate(CASES):
        labels = np.zeros((16, 20), np.uint8)
        labels[4 : 4 + 3 * number, 5:12] = 1
        Image.fromarray(labels).save(folder / f"{line.partition(',')[0]}.png")


@check("section", "content", needs=["resolves"])
def content(subject: ComponentSubject) -> None:
    """Of a finished run it gives a segkit.SectionContent of text, a whole table and PNG pictures, or None."""
    with run_directory() as folder:
        found = subject.factory(subject.params)(folder)
    if found is None:
        return
    if not isinstance(found, SectionContent):
        fail(f"it returned {type(found).__name__}", "return segkit.SectionContent(title, ...), or None")
    if not isinstance(found.title, str) or not found.title.strip():
        fail(f"its title is {found.title!r}", "say in a few words what the section shows")
    paragraphs: Any = found.paragraphs
    if isinstance(paragraphs, str):
        fail("paragraphs is one text", "give a tuple of texts: a text alone is taken apart into its letters")
    cells = [*found.paragraphs, *found.columns, *(cell for row in found.rows for cell in row)]
    odd = [cell for cell in cells if not isinstance(cell, str)]
    if odd:
        fail(f"it holds {odd[0]!r}, a {type(odd[0]).__name__}", "write numbers as text, rounded as people read them")
    wrong = [row for row in found.rows if len(row) != len(found.columns)]
    if wrong:
        fail(f"a row has {len(wrong[0])} cells, the table {len(found.columns)} columns", "give each row every column")
    for about, picture in found.pictures:
        if not isinstance(about, str) or not about.strip():
            fail("a picture has no sentence that says what it shows", 'give pairs ("what it shows", PNG bytes)')
        if not isinstance(picture, bytes) or not picture.startswith(PNG):
            fail("a picture is no PNG file", "give the bytes of a PNG file")


@check("section", "read-only", needs=["content"])
def read_only(subject: ComponentSubject) -> None:
    """The run's directory is as it was."""
    with run_directory() as folder:
        before = {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
        subject.factory(subject.params)(folder)
        after = {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    if before != after:
        name = sorted(before.items() ^ after.items())[0][0]
        fail(f"{name} changed or was written", "only read: the directory is the core's")


@check(
    "section",
    "bare",
    needs=["content"],
    raised="return None where a file is not there, or raise segkit.SegkitError(message, hint)",
)
def bare(subject: ComponentSubject) -> None:
    """Of a run that has no scores it gives None, or says in a SegkitError what is missing."""
    with run_directory(bare=True) as folder:
        try:
            subject.factory(subject.params)(folder)
        except SegkitError:
            return


@check("section", "repeatable", needs=["content"])
def repeatable(subject: ComponentSubject) -> None:
    """The same run gives the same section: a page that is written again is the same file."""
    with run_directory() as folder:
        first, second = (subject.factory(subject.params)(folder) for _ in range(2))
    if first != second:
        fail("a second look at the same run gives another section", "leave out times, and draw nothing without a seed")

"""The commands that README and docs show, found in their code blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        PROJECT / "README.md",
        PROJECT / "CONTRIBUTING.md",
        *(PROJECT / "docs").rglob("*.md"),
        *PROJECT.glob("plugins/*/README.md"),
    ]
)
LAUNCHER = re.compile(r"^(srun )?torchrun .* -m (?=segkit)")
SEGKIT = re.compile(r"segkit( -{1,2}[a-z-]+)* [a-z][a-z-]*( |$)")
"""Output of a command may begin with the word too: "segkit 0.1.0", "segkit-unet ..."."""
OTHER = re.compile(r"(python|pip|pytest|bash|mkdocs|pre-commit|tensorboard) \S|pytest$")


@dataclass
class Shown:
    """A command, and the places that show it."""

    text: str
    places: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return self.places[0]


def lines(page: Path) -> Iterator[tuple[int, str]]:
    """Yield line number and text of every line of a page's code blocks, continued ones as one, comments left out."""
    fenced, pending = False, ""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        if not fenced and not line.startswith("    "):
            continue
        text = pending + line.strip().removeprefix("$ ")
        if text.endswith("\\"):
            pending = text.removesuffix("\\")
            continue
        pending = ""
        yield number, re.sub(r"(^|\s+)#\s.*$", "", text)


def inline(page: Path) -> Iterator[tuple[int, str]]:
    """Yield line number and text of every command that stands in a sentence."""
    fenced = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        fenced ^= line.lstrip().startswith("```")
        if not fenced and not line.startswith("    "):
            yield from ((number, text) for text in re.findall(r"`(segkit [^`]+)`", line))


def blocks(page: Path) -> Iterator[tuple[int, str]]:
    """Yield line number and text of every command in a page's code blocks."""
    for number, text in lines(page):
        for part in re.split(r"&&|\||;", text):
            command = part.strip()
            if LAUNCHER.match(command) or SEGKIT.match(command) or OTHER.match(command):
                yield number, command


def gathered(found: dict[str, Shown], page: Path, commands: Iterator[tuple[int, str]]) -> None:
    """Add a page's commands, each once."""
    for number, text in commands:
        found.setdefault(text, Shown(text)).places.append(f"{page.relative_to(PROJECT)}:{number}")


def all_shown(*, in_sentences: bool = False) -> list[Shown]:
    """Every command of every page, once."""
    found: dict[str, Shown] = {}
    for page in PAGES:
        gathered(found, page, blocks(page))
        if in_sentences:
            gathered(found, page, inline(page))
    return list(found.values())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test per command: `mentioned` also has those in sentences, `command` those in code blocks."""
    if "mentioned" in metafunc.fixturenames:
        mentioned = [one for one in all_shown(in_sentences=True) if not OTHER.match(one.text)]
        metafunc.parametrize("mentioned", mentioned, ids=str)
    if "command" in metafunc.fixturenames:
        metafunc.parametrize("command", all_shown(), ids=str)


@pytest.fixture(scope="session")
def shown() -> list[Shown]:
    """Every command in a code block, once."""
    return all_shown()

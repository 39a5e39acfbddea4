"""One case as the page of a dataset shows it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from segkit.data.case import Case, Problem, Sample
from segkit.data.duplicates import Prints
from segkit.data.facts import CaseFacts
from segkit.data.suspicion import Suspicion
from segkit.declarations import Task
from segkit.jobs import show
from segkit.jobs.show import Understood, drawn, rgb, show_data


def fact(**values: Any) -> CaseFacts:
    """What is known of a case."""
    told = {"split": "train", "id": "c1", "shape": (4, 6), "spacing": None, "counts": (6, 2), "valid": 24}
    unsaid = {"group": None, "dtype": "uint8", "files": {}, "prints": Prints("", None)}
    return CaseFacts(**{**unsaid, **told, **values})


def test_a_label_s_colour() -> None:
    """Three numbers of a palette that is one list."""
    assert rgb([0, 0, 0, 9, 8, 7, 6, 5, 4], 1) == (9, 8, 7)
    assert rgb([0, 0, 0, 9, 8, 7, 6, 5, 4], 2) == (6, 5, 4)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "4 x 6, foreground 33.3%"),
        ({"spacing": (0.5, 0.12345)}, "4 x 6, 0.5 x 0.123 mm, foreground 33.3%"),
        ({"marked": 7}, "4 x 6, foreground 29.2%"),  # of classes that overlap each pixel counts once
        ({"counts": None}, "4 x 6"),
        ({"valid": 0}, "4 x 6"),
    ],
)
def test_a_photograph_s_facts(values: dict, said: str) -> None:
    """Its grid, its spacing where known, the share of pixels that are foreground among those that count."""
    mask = np.zeros((4, 6), np.uint8)
    mask[1:3, 1:4] = 1
    reasons = [Suspicion("kind", 1.0, "is dark"), Suspicion("kind", 1.0, "is small")]
    image = np.full((3, 4, 6), 9, np.uint8)
    found = drawn(Sample(image, mask), fact(**values), 2, reasons)
    assert (found.split, found.name, found.facts) == ("train", "c1", said)
    assert found.reasons == ["is dark", "is small"]
    np.testing.assert_array_equal(found.image, image.transpose(1, 2, 0))
    assert [len(lines) for lines in found.lines] == [1, 0]


def test_a_volume_is_shown_by_the_slice_with_most_foreground() -> None:
    """Its number is told; without a mask it is the middle one, and nothing is outlined."""
    mask = np.zeros((5, 8, 8), np.uint8)
    mask[1, 2:4, 2:4], mask[3, 2:6, 2:6] = 1, 2
    sample = Sample(np.zeros((1, 5, 8, 8), np.int16), mask, spacing=(2.0, 1.0, 1.0))
    told = fact(shape=(5, 8, 8), spacing=(2.0, 1.0, 1.0), counts=(4, 16), valid=320)
    found = drawn(sample, told, 2, ())
    assert found.facts == "5 x 8 x 8, axial slice 4 of 5, 2 x 1 x 1 mm, foreground 6.2%"
    assert [len(lines) for lines in found.lines] == [0, 1]
    bare = drawn(Sample(sample.image), fact(shape=(5, 8, 8), counts=None), 2, ())
    assert bare.facts == "5 x 8 x 8, axial slice 3 of 5"
    assert bare.lines == [[], []]


@pytest.fixture
def understood(monkeypatch: pytest.MonkeyPatch) -> Understood:
    """Three cases of two splits with one name in both; the second of train is odd."""
    cases = {"train": [Case("a"), Case("b")], "test": [Case("a")]}
    facts = [fact(split=split, id=case.id) for split, listed in cases.items() for case in listed]
    odd = {("train", "b"): [Suspicion("kind", 3.0, "is odd")]}
    monkeypatch.setattr(
        show, "suspicions", lambda *given: (odd, ["all are dark"]) if given == (facts, "twins") else None
    )
    monkeypatch.setattr(show, "gravest_first", lambda facts, odd: [facts[1], facts[2], facts[0]])
    shades = {("train", "a"): 10, ("train", "b"): 20, ("test", "a"): 30}
    by_case = {id(case): shades[split, case.id] for split, listed in cases.items() for case in listed}

    def read(case: Case) -> Sample:
        return Sample(np.full((3, 4, 6), by_case[id(case)], np.uint8), np.ones((4, 6), np.uint8))

    reader = SimpleNamespace(read=read, task=Task(3, ("x", "y")))
    found = SimpleNamespace(cases=facts, twins="twins", unreadable=[Problem("bad.png", "is damaged")])
    return Understood(
        "squares", reader, cases, found, True, [("masks", "grey")], ["a remark"], [["split"]], [["class"]]
    )


def test_the_page_shows_the_gravest_and_says_how_many_there_are(understood: Understood, tmp_path: Path) -> None:
    """No more than were asked for, each read from its own split; progress counts them; the sheet lies beside."""
    counted = []
    page, sheet = show_data(understood, tmp_path / "data.html", 2, 0, lambda *done: counted.append(done))
    assert counted == [(1, 2), (2, 2)]
    assert [(one.split, one.name, int(one.image[0, 0, 0])) for one in page.cases] == [
        ("train", "b", 20), ("test", "a", 30),
    ]  # fmt: skip
    assert [list(one.reasons) for one in page.cases] == [["is odd"], []]
    assert (page.title, page.generated, page.count, page.suspicious) == ("squares", True, 3, 1)
    assert list(page.remarks) == ["a remark", "all are dark"]
    assert list(page.problems) == [("bad.png", "is damaged")]
    assert (page.notes, page.splits, page.classes) == ([("masks", "grey")], [["split"]], [["class"]])
    assert [name for name, _ in page.colours] == ["x", "y"]
    assert len({colour for _, colour in page.colours} | {(0, 0, 0)}) == 3
    assert sheet == tmp_path / "data.png"
    assert sheet.read_bytes().startswith(b"\x89PNG")
    assert "all are dark" in (tmp_path / "data.html").read_text()

"""Which cases are scored, and what is said of them."""

from types import SimpleNamespace

import pytest

from segkit.data.case import Case
from segkit.errors import SegkitError, UsageError
from segkit.planning.splits import check_names, choose_split, list_cases, scored_cases

CASES = {split: [Case(f"{split}-1")] for split in ("train", "val", "test")}


def without(*splits: str) -> dict[str, list[Case]]:
    """The splits but some."""
    return {split: [] if split in splits else cases for split, cases in CASES.items()}


def test_a_test_split_is_its_author_s_or_was_dealt_out() -> None:
    """What segkit dealt out itself is never called the dataset's own, let alone official."""
    assert choose_split("auto", CASES).note == "the dataset's own test split"
    dealt = choose_split("auto", CASES, ("train", "val", "test"))
    assert (dealt.name, dealt.note) == ("test", "dealt out of all cases by segkit")
    assert all("official" not in choose_split(wanted, CASES).note for wanted in ("auto", "test", "val", "train"))


@pytest.mark.parametrize(
    ("wanted", "missing", "name", "trained_on"),
    [
        ("auto", (), "test", False),
        ("auto", ("test",), "val", False),
        ("auto", ("test", "val"), "train", True),
        ("train", (), "train", True),
        ("val", (), "val", False),
    ],
)
def test_facts_stand_beside_the_note(wanted: str, missing: tuple[str, ...], name: str, *, trained_on: bool) -> None:
    """Whether the model is trained on the scored cases is a field; it is never selected on them."""
    scored = choose_split(wanted, without(*missing))
    assert (scored.name, scored.trained_on, scored.selected_on) == (name, trained_on, False)


@pytest.mark.parametrize(
    ("wanted", "missing", "said"),
    [
        ("test", ("test",), "evaluate.split=test: the data have no such split; there are: train, val"),
        ("all", (), "would score training cases"),
    ],
)
def test_a_split_that_cannot_be_meant_is_a_usage_error(wanted: str, missing: tuple[str, ...], said: str) -> None:
    """What is not there, or would flatter the model, is a sentence."""
    with pytest.raises(UsageError, match=said):
        choose_split(wanted, without(*missing))


def test_no_case_at_all_is_an_error() -> None:
    """There is nothing to score."""
    with pytest.raises(SegkitError, match="the dataset has no cases"):
        choose_split("auto", without("train", "val", "test"))


def test_all_cases_are_those_of_every_split() -> None:
    """What was scored as a whole is found again as a whole."""

    class Reader:
        def cases(self, split: str) -> list[Case]:
            return CASES[split]

    assert [case.id for case in scored_cases(Reader(), "all")] == ["train-1", "val-1", "test-1"]
    assert [case.id for case in scored_cases(Reader(), "val")] == ["val-1"]


@pytest.mark.parametrize(
    ("ids", "said"), [(("a", "A"), "cases a and A .* share a name"), (("a/b",), "cannot name a file")]
)
def test_cases_that_are_scored_together_have_files_of_their_own(ids: tuple[str, ...], said: str) -> None:
    """Two predictions never go to one file."""
    with pytest.raises(SegkitError, match=said):
        check_names([Case(id) for id in ids])
    check_names([Case("a"), Case("b")])


def reader(**cases: list[Case]) -> SimpleNamespace:
    """A dataset of these cases."""
    return SimpleNamespace(cases=lambda split: cases.get(split, []))


@pytest.mark.parametrize(
    ("cases", "said"),
    [
        ({"test": [Case("a")]}, "dataset x has no training cases"),
        ({"train": [Case("a\udc80")]}, "is not UTF-8"),
        *(({"train": [Case(name)]}, "cannot name a file") for name in ("", ".a", "a/b", "..", "a\\b", "a\nb")),
        ({"train": [Case("a"), Case("A")]}, "cases a and A differ in case only"),
        ({"train": [Case("a")], "val": [Case("A")]}, "cases a and A differ in case only"),
        ({"train": [Case("a")], "test": [Case("a")]}, "case a is in train and in test"),
        (
            {"train": [Case("a", group="p")], "val": [Case("b", group="p")]},
            r"patient p is in train \(case a\) and in val \(case b\)",
        ),
    ],
)
def test_splits_that_no_score_could_be_trusted_of_are_refused(cases: dict[str, list[Case]], said: str) -> None:
    """Nothing to train on, ids that no file can have, a case or a patient in two splits."""
    with pytest.raises(SegkitError, match=said):
        list_cases(reader(**cases), "x")


def test_every_case_is_listed_once() -> None:
    """Several cases of a patient in one split are fine, and so are cases of whom no patient is known."""
    cases = {"train": [Case("a", group="p"), Case("b", group="p"), Case("c")], "test": [Case("d"), Case("a.b")]}
    assert list_cases(reader(**cases), "x") == {**cases, "val": []}

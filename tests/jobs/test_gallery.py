"""Every scored photograph is read again for the page: the worst first, the same after the run as during it."""

from __future__ import annotations

import math
import shutil

from segkit.jobs.gallery import gallery_again, shown_whole, worst_first
from segkit.jobs.report import pictures_again
from segkit.rundir.read import read_record


def test_cases_are_in_the_order_of_their_scores():
    """The worst first in either direction, undefined ones last, ties by id."""
    values = {"b": 0.5, "a": 0.5, "d": math.nan, "c": 0.1}
    assert list(worst_first(values, higher_is_better=True)) == ["c", "a", "b", "d"]
    assert list(worst_first(values, higher_is_better=False)) == ["a", "b", "c", "d"]


def test_every_case_is_drawn_again(toy_run, toy_registry):
    """A finished run's cases are all drawn, in order, and each is told."""
    record = read_record(toy_run)
    names = {row.case for row in record.cases}
    shown, _ = pictures_again(toy_run, toy_registry)
    seen = []
    found, reason = gallery_again(toy_run, toy_registry, None, shown, 2, lambda *done: seen.append(done))
    assert reason == ""
    assert {one.case for one in found} == names
    assert seen == [(done, len(names)) for done in range(1, len(names) + 1)]
    scores = [one.score for one in found if one.score is not None]
    assert scores == sorted(scores)


def test_what_a_page_cannot_hold_is_not_drawn(toy_run, toy_registry):
    """Without pictures, or of volumes and the largest photographs, nothing is read."""
    assert not shown_whole([])
    assert gallery_again(toy_run, toy_registry, None, [], 0, lambda *_: None) == ([], "")


def test_data_that_are_gone_are_a_reason(toy_run, toy_registry, tmp_path):
    """Predictions that went away between the pictures and the larger ones are told, not raised."""
    shown, _ = pictures_again(toy_run, toy_registry)
    moved = tmp_path / "moved"
    shutil.copytree(toy_run, moved)
    shutil.rmtree(moved / "predictions")
    found, reason = gallery_again(moved, toy_registry, None, shown, 0, lambda *_: None)
    assert found == []
    assert reason == "no predictions were kept"

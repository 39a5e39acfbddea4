"""Scored images that are trained on too are told before training, and beside the score."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from segkit.cli import main
from segkit.data.leaks import Leak
from segkit.discovery import Registry
from segkit.jobs.leaks import find_seen, leaks_record, sentence


@pytest.fixture
def squares(toy_registry, tmp_path, monkeypatch):
    """A root of drawn squares that nobody has marked as generated, and the toy plugin alone."""
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **_: toy_registry))
    monkeypatch.chdir(tmp_path)
    from segkit_toy import DataParams

    root = tmp_path / "data"
    toy_registry.find("data", "squares").load().make_sample(root, DataParams())
    return root


def run(root, *args):
    """Train for one epoch and return what was told and the summary."""
    options = ["--arch", "net", "--data", "squares", "--data-root", str(root), "--epochs", "1", "--output", "run"]
    result = CliRunner().invoke(main, ["run", *options, *args])
    assert result.exit_code == 0, result.output
    return result


def test_a_test_image_that_is_trained_on(squares, tmp_path):
    """One sentence before the first epoch names the pair; summary.json counts it and the report says it at its top."""
    shutil.copy(squares / "train" / "train-1.npy", squares / "test" / "test-0.npy")
    told = run(squares).stderr
    sentence = "LEAK: 1 image is in test and in train: train/train-1 = test/test-0"
    assert sentence in told
    assert told.index(sentence) < told.index("epoch 1")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["leaks"] == {
        "scored_and_trained": 1,
        "source_trained": [],
        "pairs": [["train", "train-1", "test", "test-0"]],
    }
    assert "1 of the scored images is among those trained on too" in (tmp_path / "run" / "report.html").read_text()


def test_without_leaks_nothing_is_said(squares, tmp_path):
    """Sound splits are scored without a word."""
    result = run(squares)
    assert "LEAK" not in result.output
    assert "look at what was understood: segkit data show squares" in result.stderr
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["leaks"]["pairs"] == []


@pytest.mark.parametrize(
    ("pair", "count", "scored", "said"),
    [
        (("train", "val"), 1, "test", "LEAK: 1 image is in train and in val: a/0 = b/0"),
        (("train", "val"), 3, "test", "LEAK: 3 images are in train and in val: a/0 = b/0, a/1 = b/1, a/2 = b/2"),
        (("train", "val"), 4, "test", "LEAK: 4 images are in train and in val: a/0 = b/0, a/1 = b/1, a/2 = b/2, ..."),
        (("test", "val"), 1, "test", "LEAK: 1 image is in test and in val: a/0 = b/0"),
        (
            ("test", "train"),
            1,
            "test",
            "LEAK: 1 image is in test and in train: a/0 = b/0; scores on what was trained on say too much: remove one "
            "of each",
        ),
    ],
)
def test_pairs_are_named_and_what_they_make_of_the_scores(pair, count, scored, said):
    """Three of them one by one; only what is trained on and scored makes scores too good."""
    leaks = [Leak(("a", str(number)), ("b", str(number))) for number in range(count)]
    assert sentence(pair, leaks, scored) == said


def test_a_scored_case_counts_once(tmp_path):
    """However many training images it equals; pairs that are not scored are listed and not counted."""
    leaks = [
        Leak(("train", "a"), ("test", "x")),
        Leak(("train", "b"), ("test", "x")),
        Leak(("train", "a"), ("val", "y")),
        Leak(("val", "z"), ("test", "w")),
    ]
    record = leaks_record(leaks, "test")
    assert record["scored_and_trained"] == 1
    assert len(record["pairs"]) == 4
    assert leaks_record(leaks, "val")["scored_and_trained"] == 1
    assert leaks_record([], "test") == {"scored_and_trained": 0, "source_trained": [], "pairs": []}


def job_from(trained_on, contents, told, *, split="test"):
    """A job that starts from a source; its scored cases have contents."""
    return SimpleNamespace(
        started=SimpleNamespace(record={"source": "old run", "trained_on": trained_on}),
        plan=SimpleNamespace(split=split, cases={split: [SimpleNamespace(id=f"c{n}") for n in range(len(contents))]}),
        progress=SimpleNamespace(message=told.append),
    )


@pytest.mark.parametrize(
    ("trained_on", "found", "said"),
    [
        (["b", "x"], ["c1"], "LEAK: old run was trained on 1 of the 3 scored cases, by content: c1"),
        (["x"], [], "old run was trained on none of the 3 scored cases, by content"),
        ([], None, "whether old run was trained on any of the 3 scored cases is not known"),
    ],
)
def test_what_a_source_has_seen_is_found_by_content(trained_on, found, said):
    """In a store that holds it; each of the three answers is told."""
    told = []
    stores = {"test": SimpleNamespace(contents=["a", "b", "c"])}
    assert find_seen(job_from(trained_on, "abc", told), stores) == found
    assert told[0].startswith(said)

"""Scored images that are trained on too are told before training, and beside the score."""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner

from segkit.cli import main
from segkit.discovery import Registry


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
        "pairs": [["train", "train-1", "test", "test-0"]],
    }
    assert "1 of the scored images is among those trained on too" in (tmp_path / "run" / "report.html").read_text()


def test_without_leaks_nothing_is_said(squares, tmp_path):
    """Sound splits are scored without a word."""
    result = run(squares)
    assert "LEAK" not in result.output
    assert "look at what was understood: segkit data show squares" in result.stderr
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["leaks"]["pairs"] == []

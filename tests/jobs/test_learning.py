"""Runs with frozen parts, rates by part and patience, from the command line."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

TOY = ("run", "--arch", "net", "--data", "squares", "--device", "cpu", "--set", "run.threads=1")


def test_frozen_weights_stay_what_they_were(segkit) -> None:
    """A frozen module of a source is bit for bit in the fine-tuned model; the rest has moved; the summary says so."""
    segkit(*TOY, "--epochs", "1", "--output", "source")
    segkit(*TOY, "--epochs", "1", "--from", "source", "--set", "train.freeze=0", "--output", "tuned")
    before, after = (load_file(Path(run, "model.safetensors")) for run in ("source", "tuned"))
    assert {name for name in before if not torch.equal(before[name], after[name])} == {"3.weight", "3.bias"}
    groups = json.loads(Path("tuned/summary.json").read_text())["parameter_groups"]
    assert sorted({group["frozen"] for group in groups}) == [False, True]


def test_a_rate_by_part(segkit) -> None:
    """train.rates.PART is one entry of the rates, also from a config that is repeated and said anew."""
    done = segkit(*TOY, "--epochs", "1", "--set", "train.rates.0=0.5", "--set", "train.rates.3=2", "--output", "a")
    assert tomllib.loads(Path("a/config.toml").read_text())["train"]["rates"] == ["0=0.5", "3=2"]
    assert "at most at rate 0.025" in done.stderr
    segkit("run", "--config", "a/config.toml", "--set", "train.rates.0=0.25", "--output", "b")
    assert tomllib.loads(Path("b/config.toml").read_text())["train"]["rates"] == ["3=2", "0=0.25"]


def test_patience(segkit) -> None:
    """Training that does not gain ends early, says so, and its best epoch is scored; resumed it stays ended."""
    settings = ("--lr", "1e-9", "--set", "train.patience=2", "--epochs", "30")
    done = segkit(*TOY, *settings, "--output", "a")
    history = [json.loads(line) for line in Path("a/history.jsonl").read_text().splitlines()]
    figures = [entry["val"]["overlap@store"] for entry in history]
    best = figures.index(max(figures)) + 1
    assert len(history) == best + 2 < 30
    assert f"training ends after epoch {len(history)} of 30: validation has not gained for 2 epochs" in done.stderr


def test_patience_never_looks_at_what_is_scored(segkit) -> None:
    """Without a test split validation is scored, and training does not stop by it."""
    said = segkit(*TOY, "--set", "train.patience=2", "--set", "data.test=false", code=2)
    assert "there is no validation split besides the scored one" in said.output


@pytest.mark.parametrize("said", ["train.freeze=encoder", "train.rates.encoder=0.1", "train.rates.0=none"])
def test_what_cannot_be_meant_ends_before_the_data(segkit, said: str) -> None:
    """A part that there is not, or a rate that is none, is a usage error, and no directory is left."""
    segkit(*TOY, "--set", said, "--output", "a", code=2)
    assert not Path("a").exists()

"""Spoiled config files, given to the command."""

from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("[train]\nepohcs = 1\n", 2, "did you mean 'epochs'"),
        ("[trian]\nepochs = 1\n", 2, "did you mean 'train'"),
        ("[arch]\nwidht = 4\n", 2, "did you mean 'width'"),
        ('[train]\nlearning_rate = "fast"\n', 2, "expected a number"),
        ("[train]\nbatch_size = 1.5\n", 2, "whole number"),
        ("[train]\nbatch_size = [1]\n", 2, "batch_size"),
        ("[train]\noptimizer = 3\n", 2, "optimizer"),
        ("[train]\nepochs = 1\nepochs = 2\n", 1, "is not TOML"),
        ("[train]\nepochs = 1\n[train]\nseed = 2\n", 1, "is not TOML"),
        ("[train]\nbatch_size = 0\n", 2, "out of range"),
        ("[augment]\nflip = 1.5\n", 2, "out of range"),
        ("train = 3\n", 2, "train"),
    ],
)
def test_a_spoiled_config_is_one_line(isic_run, text, code, said):
    """The file, the field and what is wrong with it, before anything is read."""
    Path("mine.toml").write_text(text)
    result = isic_run("--config", "mine.toml")
    assert result.exit_code == code, result.output
    errors = [line for line in result.stderr.splitlines() if line.lower().startswith("error")]
    assert len(errors) == 1
    assert "mine.toml" in errors[0]
    assert said in errors[0]
    assert "Traceback" not in result.output
    assert not Path("runs").exists()

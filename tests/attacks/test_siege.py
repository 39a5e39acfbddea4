"""What strangers send, by format and seed: a right result or a sentence, and nothing else happens."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from attack_archives import Archives
from attack_checkpoints import Checkpoints
from attack_comparisons import Comparisons
from attack_configs import Configs
from attack_datasets import Datasets
from attack_images import Images
from attack_names import Names
from attack_servers import Servers
from attack_volumes import Volumes
from siege import Besieger, Siege, besiege

import segkit.jobs.run

BESIEGERS = (Checkpoints, Comparisons, Configs, Datasets, Images, Volumes, Archives, Servers, Names)
KINDS: dict[str, Callable[[Path], Besieger]] = {kind.name: kind for kind in BESIEGERS}

FEW = 15


def survive(name: str, works: Path, place: Path, seeds: range) -> Siege:
    """Carry out attacks of a kind; fails with what was wrong."""
    trains = segkit.jobs.run.run_job
    siege = besiege(KINDS[name](works), place, seeds)
    assert segkit.jobs.run.run_job is trains, "later tests of this process would train nothing"
    assert not siege.wrong, "\n".join(f"{seed}: {fault}" for seed, fault in siege.wrong[:20])
    assert siege.outcomes.total() == len(seeds)
    return siege


@pytest.mark.parametrize("name", KINDS)
def test_attacks(name, works, tmp_path):
    """A few of every kind in every change."""
    siege = survive(name, works, tmp_path, range(FEW))
    assert siege.outcomes["refused"], siege.told


@pytest.mark.full
@pytest.mark.parametrize("name", KINDS)
def test_a_thousand_attacks(name, works, tmp_path):
    """As many of each kind as are asked for with SEGKIT_ATTACKS, from the seed SEGKIT_ATTACKS_FROM on."""
    first, count = (int(os.environ.get(f"SEGKIT_ATTACKS{end}", usual)) for end, usual in (("_FROM", 1000), ("", 1100)))
    print(f"{name}: {survive(name, works, tmp_path, range(first, first + count)).told}")

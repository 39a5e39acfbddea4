"""What strangers send, by format and seed: a right result or a sentence, and nothing else happens."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from attack_checkpoints import Checkpoints
from attack_images import Images
from attack_volumes import Volumes
from siege import Siege, besiege, warm_up
from works import make_works

KINDS = {kind.name: kind for kind in (Checkpoints, Images, Volumes)}

FEW = 15


@pytest.fixture(scope="module")
def works(tmp_path_factory):
    """What attacks begin with."""
    warm_up()
    return make_works(tmp_path_factory.mktemp("works") / "works")


def survive(name: str, works: Path, place: Path, seeds: range) -> Siege:
    """Carry out attacks of a kind; fails with what was wrong."""
    siege = besiege(KINDS[name](works), place, seeds)
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

"""Which cases are to be looked at first."""

from __future__ import annotations

import numpy as np
import pytest

from segkit import Case, Sample, Task
from segkit.data.overview import overview
from segkit.data.suspicion import gravest_first, suspicions

SIDE = 64
TASK = Task(3, ("lesion",), 2)


def picture(seed: int, side: int = SIDE, radius: float = 0.25) -> Sample:
    """A dark disc on bright, noisy skin, and the disc's mask."""
    drawn = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side] / side
    centre = drawn.uniform(0.4, 0.6, 2)
    mask = ((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < (radius * drawn.uniform(0.8, 1.2)) ** 2).astype(
        np.uint8
    )
    image = drawn.normal(180, 12, (3, side, side)) - 80 * mask
    return Sample(np.clip(image, 0, 255).astype(np.uint8), mask)


def planted() -> dict[str, tuple[str, Sample]]:
    """Forty sound cases, and ten with one fault each, in the middle of them."""
    cases = {f"sound-{seed:02d}": ("train" if seed < 30 else "val", picture(seed)) for seed in range(40)}
    base = {number: picture(100 + number) for number in range(10)}
    flat = np.full_like(base[4].image, 90)
    shifted = np.roll(base[9].mask, 24, axis=1)
    many = np.zeros((SIDE, SIDE), np.uint8)
    many[::8, ::8] = 1
    faults = {
        "empty": Sample(base[0].image, np.zeros_like(base[0].mask)),
        "full": Sample(base[1].image, np.ones_like(base[1].mask)),
        "inverted": Sample(base[2].image, 1 - base[2].mask),
        "specks": Sample(base[3].image, many),
        "flat": Sample(flat, base[4].mask),
        "huge": picture(200, side=512),
        "dark": Sample((base[6].image * 0.1).astype(np.uint8), base[6].mask),
        "turned": Sample(base[7].image, base[7].mask, remarks=("is turned as its EXIF orientation says",)),
        "leaked": Sample(cases["sound-03"][1].image, cases["sound-03"][1].mask),
        "shifted": Sample(base[9].image, shifted),
    }
    listed = list(cases.items())
    for number, (name, sample) in enumerate(faults.items()):
        listed.insert(4 * number, (name, ("val" if name == "leaked" else "train", sample)))
    return dict(listed)


@pytest.fixture
def look(array_reader):
    """Return the cases in the order in which they are shown, with the reasons of each."""

    def call(cases):
        reader = array_reader({name: sample for name, (_, sample) in cases.items()}, TASK)
        splits = {split: [Case(name) for name, (own, _) in cases.items() if own == split] for split in ("train", "val")}
        found = overview(reader, splits, "planted", workers=0, progress=lambda *_: None)
        odd, common = suspicions(found.cases, found.twins)
        return [fact.id for fact in gravest_first(found.cases, odd)], odd, common

    return call


def test_ten_planted_faults_come_first(look):
    """Each of ten faults of ten kinds is within the first twelve shown, and no sound case has a reason but the twin."""
    shown, odd, _ = look(planted())
    faults = {name for name in planted() if not name.startswith("sound")}
    assert faults <= set(shown[:12]), shown[:14]
    assert {name for _, name in odd} - faults == {"sound-03"}


def test_what_many_have_in_common_is_told_once(look):
    """A third of the cases at another size is how the data are: one sentence, and no case is called odd for it."""
    cases = {f"small-{seed}": ("train", picture(seed)) for seed in range(30)}
    cases |= {f"large-{seed}": ("val", picture(seed + 50, side=192)) for seed in range(12)}
    _, odd, common = look(cases)
    assert not odd
    assert len(common) == 1
    assert common[0].startswith("12 of 42 cases, such as val/large-0: a grid 9.0 times larger")


def test_equal_masks_of_different_images(look):
    """A mask that was saved for two images is told with the other case's name."""
    cases = {f"sound-{seed}": ("train", picture(seed)) for seed in range(20)}
    cases["copied"] = ("train", Sample(picture(99).image, cases["sound-7"][1].mask))
    _, odd, _ = look(cases)
    reasons = [one.reason for one in odd["train", "copied"]]
    assert "has the same mask as train/sound-7" in reasons


def test_few_cases_are_not_judged_by_each_other(look):
    """Of four cases nobody can say which is unlike the rest."""
    _, odd, _ = look({f"case-{side}": ("train", picture(side, side=side)) for side in (32, 64, 128, 256)})
    assert not odd

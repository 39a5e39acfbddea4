"""The generated sample: in the official folders, the same for the same seed, and too hard for a threshold."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segkit import SegkitError
from segkit_isic import sample
from segkit_isic.dermoscopy import LARGEST, SMALLEST, draw_pair
from segkit_isic.params import IsicParams
from segkit_isic.reader import IsicReader


def otsu_threshold(grey: np.ndarray) -> int:
    """Otsu 1979: the threshold that leaves the most variance between the two classes; grey <= t is the dark one."""
    share = np.bincount(grey.ravel(), minlength=256) / grey.size
    dark = np.cumsum(share)
    moment = np.cumsum(share * np.arange(256))
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (moment[-1] * dark - moment) ** 2 / (dark * (1 - dark))
    return int(np.nanargmax(np.where(np.isfinite(between), between, np.nan)))


def otsu_dice(image: np.ndarray, mask: np.ndarray) -> float:
    """Dice of the dark side of Otsu's threshold on the greyscale photograph (3, H, W)."""
    grey = np.asarray(Image.fromarray(image.transpose(1, 2, 0)).convert("L"))
    found = grey <= otsu_threshold(grey)
    return float(2 * (found & (mask > 0)).sum() / (found.sum() + (mask > 0).sum()))


def digests(root: Path) -> dict[str, str]:
    """SHA-256 of every file, by its path in the root."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> IsicReader:
    """The whole sample of the default seed, opened."""
    root = tmp_path_factory.mktemp("sample")
    IsicReader.make_sample(root, IsicParams())
    return IsicReader(root, IsicParams())


def test_sample_is_read_as_isic_2017(written):
    """The sample is ordinary data for the reader: three disjoint splits, and nothing to complain about."""
    assert written.year == "2017"
    assert {split: len(written.cases(split)) for split in sample.CASES} == sample.CASES
    ids = [case.id for split in sample.CASES for case in written.cases(split)]
    assert len(set(ids)) == len(ids)
    assert all(id.startswith("ISIC_90") for id in ids)
    assert list(written.verify()) == []


def test_sample_pictures_differ(written):
    """No picture is written twice, whichever split it is in."""
    hashes = list(digests(written.root).values())
    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_sample_is_too_hard_for_otsu(root, seed, monkeypatch):
    """Taking the dark side of Otsu's threshold scores at most 0.6 mean Dice on the test split of any seed."""
    monkeypatch.setattr(sample, "CASES", {"train": 1, "val": 1, "test": sample.CASES["test"]})
    sample.write_sample(root, seed)
    reader = IsicReader(root, IsicParams())
    samples = [reader.read(case) for case in reader.cases("test")]
    assert np.mean([otsu_dice(read.image, read.mask) for read in samples]) <= 0.6


def test_lesions_have_the_stated_sizes(written):
    """Every lesion takes 2 % to 60 % of its picture, and small and large ones occur."""
    shares = np.array([written.read(case).mask.mean() for case in written.cases("train")])
    assert SMALLEST <= shares.min() < 0.06
    assert 0.35 < shares.max() <= LARGEST


def test_readme_says_generated(written):
    """Whoever opens the folder learns what it is, how it was made and where the real data is."""
    text = (written.root / "README.txt").read_text()
    assert text.startswith("GENERATED SAMPLE")
    assert "https://challenge.isic-archive.com/data/" in text
    assert "sample_seed" in text


def test_otsu_here_is_otsu():
    """The threshold used above agrees with scikit-image's, where that is installed."""
    filters = pytest.importorskip("skimage.filters")
    for seed in range(5):
        grey = np.random.default_rng(seed).normal(120, 40, (50, 60)).clip(0, 255).astype(np.uint8)
        assert otsu_threshold(grey) == filters.threshold_otsu(grey)


def test_same_seed_same_files(tmp_path, monkeypatch):
    """Equal seeds write equal bytes, other seeds other pictures, and no half-written file is left."""
    monkeypatch.setattr(sample, "CASES", {"train": 2, "val": 1, "test": 1})
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        (tmp_path / name).mkdir()
        sample.write_sample(tmp_path / name, seed)
    first, again, other = (digests(tmp_path / name) for name in "abc")
    assert first == again
    assert first.keys() == other.keys()
    assert not set(first.values()) & set(other.values())
    assert not [name for name in first if not name.endswith((".jpg", ".png", ".txt"))]


@pytest.mark.parametrize(("height", "width"), [(96, 128), (128, 96), (120, 120)])
def test_pair_of_any_size(height, width):
    """A pair is drawn at the size asked for, the mask binary."""
    image, mask = draw_pair(np.random.default_rng(0), height, width)
    assert image.shape == (height, width, 3)
    assert image.dtype == np.uint8
    assert mask.shape == (height, width)
    assert np.unique(mask).tolist() == [0, 1]


def test_mask_is_one_piece():
    """A lesion is one connected region, as the challenge's masks are."""
    from scipy import ndimage

    for seed in range(20):
        assert ndimage.label(draw_pair(np.random.default_rng(seed), 96, 128)[1])[1] == 1


def test_hair_is_a_class_over_the_lesion(tmp_path, monkeypatch):
    """The same pictures; hair crosses lesions, or has its pixels alone where classes exclude each other."""
    monkeypatch.setattr(sample, "CASES", {"train": 6, "val": 1, "test": 1})
    plain, hairy = tmp_path / "plain", tmp_path / "hairy"
    for root, hair in ((plain, "none"), (hairy, "overlapping")):
        root.mkdir()
        IsicReader.make_sample(root, IsicParams(hair=hair))
    pictures, same = digests(plain), digests(hairy)
    assert all(same[name] == digest for name, digest in pictures.items())
    both, single = (IsicReader(hairy, IsicParams(hair=hair)) for hair in ("overlapping", "exclusive"))
    assert (both.task.overlapping, single.task.overlapping) == (True, False)
    crossing = 0
    for case in both.cases("train"):
        lesion, hair = both.read(case).mask
        crossing += np.count_nonzero(lesion & hair)
        assert np.array_equal(single.read(case).mask, np.where(hair, 2, lesion))
        assert np.array_equal(both.read_resized(case, (32, 40)).mask, both.read(case).mask)
        assert np.array_equal(lesion, IsicReader(hairy, IsicParams()).read(case).mask)
    assert crossing > 100
    assert not both.verify()
    with pytest.raises(SegkitError, match="has no masks of hair"):
        IsicReader(plain, IsicParams(hair="overlapping"))

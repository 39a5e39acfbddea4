"""Spoiled volumes, given to the command: one line that names the file and exit code 1, or a run that goes through."""

import codecs
import csv
import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from click.testing import Result

pytest.importorskip("segkit_msd")

SHAPE = (12, 10, 6)
AFFINE = np.diag([-1.0, 2, 3, 1])
CASES = {"a": "Tr", "b": "Tr", "c": "Va"}
SMALL = ("--set", "arch.width=1", "--set", "arch.depth=1", "--epochs", "1", "--device", "cpu", "--explain", "none")


def save(path: Path, voxels: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    nib.save(nib.Nifti1Image(voxels, affine), path)


def marked() -> np.ndarray:
    """A label map with both classes."""
    label = np.zeros(SHAPE, np.uint8)
    label[2:8, 2:8, 1:5] = 1
    label[8:11, 3:6, 2:4] = 2
    return label


def describe(root: Path, **changes: object) -> None:
    content = {"labels": {"0": "background", "1": "liver", "2": "spleen"}, "modality": {"0": "MRI"}, **changes}
    (root / "dataset.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def volumes(tmp_path: Path) -> Path:
    """Two training and one validation volume in the Decathlon's layout."""
    root = tmp_path / "volumes"
    for number, (id, split) in enumerate(CASES.items()):
        for kind in ("images", "labels"):
            (root / f"{kind}{split}").mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 1000, SHAPE).astype(np.int16)
        save(root / f"images{split}" / f"{id}.nii.gz", pixels)
        save(root / f"labels{split}" / f"{id}.nii.gz", marked())
    describe(root)
    return root


@pytest.fixture
def volume_run(volumes: Path, bare_run: Callable[..., Result]) -> Callable[..., Result]:
    """Call a run on the volumes with ARGS."""
    return lambda *args: bare_run("msd", volumes, *SMALL, *args)


def image(root: Path) -> Path:
    return root / "imagesTr" / "a.nii.gz"


def label(root: Path) -> Path:
    return root / "labelsTr" / "a.nii.gz"


def pixels(root: Path) -> np.ndarray:
    return np.asanyarray(nib.load(image(root)).dataobj)


def with_value(value: float) -> Callable[[Path], None]:
    """Put one odd value into the image, which becomes one of floats."""

    def spoil(root: Path) -> None:
        voxels = pixels(root).astype(np.float32)
        voxels[3, 3, 3] = value
        save(image(root), voxels)

    return spoil


def with_label(value: float, dtype: type) -> Callable[[Path], None]:
    """Put one odd label into the label map."""

    def spoil(root: Path) -> None:
        voxels = marked().astype(dtype)
        voxels[0, 0, 0] = value
        save(label(root), voxels)

    return spoil


def shear(root: Path) -> None:
    affine = AFFINE.copy()
    affine[0, 1] = 0.7
    save(image(root), pixels(root), affine)
    save(label(root), marked(), affine)


def truncate(root: Path) -> None:
    image(root).write_bytes(image(root).read_bytes()[: image(root).stat().st_size // 2])


def move(root: Path) -> None:
    affine = AFFINE.copy()
    affine[0, 3] = 2
    save(label(root), marked(), affine)


def twin(root: Path) -> None:
    for kind in (image, label):
        shutil.copy(kind(root), kind(root).with_name("A.nii.gz"))


def leak(root: Path) -> None:
    for kind in ("images", "labels"):
        shutil.copy(root / f"{kind}Tr" / "a.nii.gz", root / f"{kind}Va")


def list_others(root: Path) -> None:
    describe(root, training=[{"image": f"./imagesTr/{id}.nii.gz"} for id in ("a", "b", "gone")])


def dicom(root: Path) -> None:
    image(root).write_bytes(bytes(128) + b"DICM" + bytes(500))


ANOTHER_GRID = "labelsTr/a.nii.gz lies on another grid than imagesTr/a.nii.gz"
SPOILERS = {
    "shapes differ": (lambda root: save(label(root), marked()[:-1]), f"{ANOTHER_GRID}: 6x10x12 and 6x10x11 voxels"),
    "spacings differ": (lambda root: save(label(root), marked(), np.diag([-1.0, 2, 3.5, 1])), f"{ANOTHER_GRID}: spac"),
    "affines differ": (move, f"{ANOTHER_GRID}: corners up to 2 mm apart"),
    "NaN": (with_value(np.nan), "imagesTr/a.nii.gz has 1 voxel that is NaN or infinite"),
    "Inf": (with_value(-np.inf), "imagesTr/a.nii.gz has 1 voxel that is NaN or infinite"),
    "label outside the classes": (with_label(3, np.uint8), "labelsTr/a.nii.gz has labels outside 0 to 2: 3"),
    "negative label": (with_label(-1, np.int16), "labelsTr/a.nii.gz has labels outside 0 to 2: -1"),
    "label of half a class": (with_label(0.5, np.float32), "labelsTr/a.nii.gz has labels that are not whole numbers"),
    "4D image": (lambda root: save(image(root), np.stack([pixels(root)] * 3, -1)), "imagesTr/a.nii.gz has 3 volumes"),
    "4D label": (lambda root: save(label(root), np.stack([marked()] * 2, -1)), "labelsTr/a.nii.gz has 2 volumes"),
    "truncated": (truncate, "imagesTr/a.nii.gz is damaged or cut short"),
    "sheared": (shear, "imagesTr/a.nii.gz has a sheared affine"),
    "dataset.json lists a file that nobody has": (list_others, "gone.nii.gz"),
    "capitals clash": (twin, "differ"),
    "id in two splits": (leak, "in two splits: a"),
    "DICOM": (dicom, "dcm2niix"),
}


@pytest.mark.parametrize("fault", SPOILERS)
def test_a_spoiled_volume_is_one_line(fault: str, volumes: Path, volume_run: Callable[..., Result]) -> None:
    """Each fault of the list, alone: named before anything is trained, and nothing is left."""
    spoil, message = SPOILERS[fault]
    spoil(volumes)
    result = volume_run()
    assert result.exit_code == 1, result.output
    errors = [line for line in result.stderr.splitlines() if line.lower().startswith("error")]
    assert len(errors) == 1
    assert message in errors[0]
    assert "epoch 1" not in result.output
    assert not list(Path("runs").glob("*"))


def scores() -> dict[tuple[str, str], dict[str, str]]:
    """Rows of the run's cases.csv by case and class."""
    [path] = Path("runs").glob("*/cases.csv")
    with path.open(encoding="utf-8") as stream:
        return {(row["case"], row["class"]): row for row in csv.DictReader(stream)}


def scale(root: Path) -> None:
    """Write the image big-endian, with scl_slope and scl_inter, and the label map as whole floats."""
    stored = nib.Nifti1Image(pixels(root).astype(">i2"), AFFINE, nib.Nifti1Header(endianness=">"))
    stored.header.set_slope_inter(0.5, -100)
    image(root).write_bytes(gzip.compress(stored.to_bytes()))
    save(label(root), marked().astype(np.float64))


def with_shape(shape: tuple[int, int, int]) -> Callable[[Path], None]:
    """Make every volume smaller, with some of class 1 in it."""

    def spoil(root: Path) -> None:
        for id, split in CASES.items():
            voxels = np.random.default_rng(0).integers(0, 1000, shape).astype(np.int16)
            save(root / f"images{split}" / f"{id}.nii.gz", voxels)
            save(root / f"labels{split}" / f"{id}.nii.gz", (voxels > 500).astype(np.uint8))

    return spoil


def empty(root: Path) -> None:
    """No label marks anything in one training and in the validation volume."""
    for split, id in (("Tr", "a"), ("Va", "c")):
        save(root / f"labels{split}" / f"{id}.nii.gz", np.zeros(SHAPE, np.uint8))


def without_organ(root: Path) -> None:
    """One training and the validation volume lack class 2."""
    for split, id in (("Tr", "a"), ("Va", "c")):
        save(root / f"labels{split}" / f"{id}.nii.gz", np.where(marked() == 2, 0, marked()).astype(np.uint8))


def unpacked(root: Path) -> None:
    """One image and another case's label are .nii."""
    for packed in (image(root), root / "labelsTr" / "b.nii.gz"):
        nib.save(nib.load(packed), packed.with_suffix(""))
        packed.unlink()


def listed_elsewhere(root: Path) -> None:
    """dataset.json names the folders of another machine, and begins with a byte order mark."""
    describe(root, training=[{"image": f"/data/nnunet/Task01/imagesTr/{id}.nii.gz"} for id in ("a", "b")])
    text = (root / "dataset.json").read_bytes()
    (root / "dataset.json").write_bytes(codecs.BOM_UTF8 + text)


ODDITIES = {
    "big-endian, scaled, float labels": scale,
    "one slice": with_shape((12, 10, 1)),
    "smaller than the patch": with_shape((5, 4, 3)),
    "empty label": empty,
    "missing organ": without_organ,
    "mixed .nii and .nii.gz": unpacked,
    "other folders and a BOM in dataset.json": listed_elsewhere,
}


@pytest.mark.parametrize("mode", ["slices", "patches"])
@pytest.mark.parametrize("oddity", ODDITIES)
def test_an_odd_volume_is_trained_and_scored_on(
    oddity: str, mode: str, volumes: Path, volume_run: Callable[..., Result]
) -> None:
    """What is odd but sound goes through the whole run; the validation case's voxels are those of its file."""
    ODDITIES[oddity](volumes)
    size = ("--size", "16x16") if mode == "slices" else ("--set", "data.size=8,16,16")
    result = volume_run("--set", f"data.mode={mode}", *size)
    assert result.exit_code == 0, result.output
    reference = np.asanyarray(nib.load(volumes / "labelsVa" / "c.nii.gz").dataobj)
    rows = scores()
    for number, name in enumerate(("liver", "spleen"), 1):
        row = rows["c", name]
        assert int(row["reference"]) == np.count_nonzero(reference == number)
        absent = row["reference"] == "0"
        assert row["status"] in (("empty", "spurious") if absent else ("ok", "missed"))
    [written] = Path("runs").glob("*/predictions/c.nii.gz")
    image = nib.load(volumes / "imagesVa" / "c.nii.gz")
    assert nib.load(written).shape == image.shape
    assert np.array_equal(nib.load(written).affine, image.affine)

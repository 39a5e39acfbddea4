"""Which files of folders, patterns and names are predicted, and which are left out for which reason."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from segkit.data.opening import Opener
from segkit.discovery import Registry
from segkit.errors import SegkitError
from segkit.jobs.predict import counted, find_inputs
from segkit.jobs.predict.inputs import distinct


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(*names: str) -> None:
    """Make empty files."""
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def found(*texts: str, channels: int = 3) -> tuple[dict[str, list[str]], str]:
    """Names with their files, and what was left out in words."""
    inputs = find_inputs(texts, Opener(Registry(), None), channels)
    return {item.name: [path.as_posix() for path in item.files] for item in inputs.items}, counted(inputs.left_out)


def record(folder: str, *masks: str) -> None:
    """Write what `segkit predict` writes of its label maps."""
    files = [{"mask": mask, "name": mask.partition(".")[0]} for mask in masks]
    Path(folder, "prediction.json").write_text(json.dumps({"files": files}))


def test_a_folder_with_all_below_it(folder):
    """Images in every folder, sorted; others are counted, what file systems leave behind too."""
    make("a/2.png", "a/1.jpg", "a/deep/3.tif", "a/notes.txt", "a/._2.png", "a/@eaDir/1.jpg/SYNO_THUMB.jpg")
    items, left_out = found("a")
    assert items == {"1": ["a/1.jpg"], "2": ["a/2.png"], "3": ["a/deep/3.tif"]}
    assert left_out == "1 file of another kind, 2 files of litter"


def test_what_segkit_wrote_is_no_image(folder):
    """Label maps, pictures and probabilities of earlier predictions, beside the images or in folders of their own."""
    make("photos/x.jpg", "photos/x.png", "photos/overlays/x.jpg", "photos/overlays/mine.jpg", "photos/masks/y.png")
    record("photos", "x.png")
    record("photos/masks", "y.png")
    items, left_out = found("photos")
    assert sorted(items) == ["mine", "x"]
    assert items["x"] == ["photos/x.jpg"]
    assert left_out == "5 files that segkit wrote"


def test_runs_and_explanations_are_no_images(folder):
    """A folder that holds runs gives the images beside them."""
    make("a.png", "runs/one/config.toml", "runs/one/environment.json", "runs/one/figures/curve.png")
    make("explanations/index.json", "explanations/a/panel-fp.png")
    items, left_out = found(".")
    assert list(items) == ["a"]
    assert left_out == "5 files that segkit wrote"


@pytest.mark.parametrize("way", ["photos/*.png", "photos/x.png"])
def test_named_label_maps_are_no_images_either(folder, way):
    """What a pattern finds, and what a shell made of one, is no image where segkit wrote it."""
    make("photos/x.png", "photos/own.jpg")
    record("photos", "x.png")
    with pytest.raises(SegkitError, match="all that was named is what segkit wrote earlier"):
        found(way)
    assert found(way, "photos/own.jpg") == ({"own": ["photos/own.jpg"]}, "1 file that segkit wrote")


@pytest.mark.parametrize(
    ("images", "masks"), [("imagesTr", "labelsTr"), ("images", "masks"), ("Images", "GroundTruth")]
)
def test_masks_beside_their_images(folder, images, masks):
    """A dataset's folder gives its images; a folder that is called so and stands alone gives its files."""
    make(f"data/{images}/a.png", f"data/{masks}/a.png", f"data/{masks}/liver/b.png", f"alone/{masks}/c.png")
    assert found("data") == ({"a": [f"data/{images}/a.png"]}, "2 files in folders of masks")
    assert list(found("alone")[0]) == ["c"]
    assert list(found(f"data/{masks}")[0]) == ["a", "b"]


def test_masks_that_are_called_like_their_images(folder):
    """ID_seg.nii.gz beside ID.nii.gz, or beside ID_0000.nii.gz, is no image; alone it is one."""
    opener = Opener(Registry(), None)
    opener.own = type("Volumes", (), {"suffixes": (".nii", ".nii.gz")})
    make("a/1.nii.gz", "a/1_seg.nii.gz", "a/2_0000.nii.gz", "a/2_0001.nii.gz", "a/2-mask.nii", "a/3_seg.nii.gz")
    inputs = find_inputs(["a"], opener, 1)
    assert [item.name for item in inputs.items] == ["1", "2_0000", "2_0001", "3_seg"]
    assert counted(inputs.left_out) == "2 files made of images beside them (masks, superpixels)"


def test_no_image_at_all(folder):
    """The reasons are told."""
    make("out/x.png", "out/notes.txt")
    record("out", "x.png")
    with pytest.raises(
        SegkitError, match="folder out holds no image, only 1 file of another kind, 2 files that segkit"
    ):
        found("out")


def test_a_record_that_cannot_be_read(folder):
    """Then nobody knows which files are predictions: refused with the way out, not guessed."""
    make("out/x.png", "out/prediction.json")
    with pytest.raises(
        SegkitError, match=r"out/prediction\.json cannot be read .*which files beside it are predictions"
    ):
        found("out")


def test_links_and_pipes(folder):
    """A named pipe would be waited for; a link to a folder could go round for ever."""
    make("a/1.png")
    os.mkfifo("a/2.png")
    Path("a/3.png").symlink_to("..")
    Path("a/4.png").symlink_to("nowhere")
    assert found("a") == ({"1": ["a/1.png"]}, "3 files of another kind")


class Pairs:
    """A format whose images are two files each, as `gather` tells."""

    suffixes = (".chan",)

    @classmethod
    def open_file(cls, path):
        """Is not called."""

    @classmethod
    def gather(cls, paths, channels):
        """Put NAME-1 and NAME-2 together where the model takes two channels."""
        names = sorted({path.name[:-7] for path in paths})
        parts = [(name, tuple(path for path in paths if path.name[:-7] == name)) for name in names]
        return parts if channels == 2 else [(None, (path,)) for path in paths]


def test_the_format_says_what_one_image_is(folder):
    """Files that are one image are named by it, in the first one's place; other formats' files are as before."""
    make("a/one-1.chan", "a/one-2.chan", "a/photo.png", "a/two-1.chan", "a/two-2.chan", "b/one-1.chan")
    opener = Opener(Registry(), None)
    opener.own = Pairs
    inputs = find_inputs(["a"], opener, 2)
    assert [item.label for item in inputs.items] == ["one", "photo.png", "two"]
    assert [path.name for path in inputs.items[0].files] == ["one-1.chan", "one-2.chan"]
    assert [item.name for item in find_inputs(["a"], opener, 1).items] == ["one-1", "one-2", "photo", "two-1", "two-2"]


def test_what_was_made_of_images_is_left_out(folder):
    """Superpixels and masks beside the photographs of their names; a name that ends so by itself is an image."""
    make("isic/ISIC_1.jpg", "isic/ISIC_1_superpixels.png", "isic/ISIC_2.jpg", "isic/ISIC_2_segmentation.png")
    make("isic/red_label.jpg")
    items, left_out = found("isic")
    assert sorted(items) == ["ISIC_1", "ISIC_2", "red_label"]
    assert left_out == "2 files made of images beside them (masks, superpixels)"
    assert list(found("isic/ISIC_1_superpixels.png")[0]) == ["ISIC_1_superpixels"]


@pytest.mark.parametrize("masks", ["photos/masks", "imagesTr/../labelsTr", "train_images/../train_masks"])
def test_folders_of_masks_beside_images(folder, masks):
    """In whatever way datasets lay them; a folder of masks that is named itself is meant."""
    images = masks.partition("/")[0]
    make(f"data/{images}/1.png", f"data/{os.path.normpath(masks)}/1.png")
    assert found("data")[0] == {"1": [f"data/{images}/1.png"]}
    assert len(found(f"data/{os.path.normpath(masks)}")[0]) == 1


def test_images_of_the_models_kind(folder):
    """A model of volumes takes no photographs from a folder, one of photographs no volumes."""
    make("a/1.png", "a/notes.txt")
    opener = Opener(Registry(), None)
    assert find_inputs(["a"], opener, 3, 2).items[0].name == "1"
    with pytest.raises(SegkitError, match="holds no image, only 2 files of another kind"):
        find_inputs(["a"], opener, 1, 3)


def test_names_that_are_not_utf_8(folder):
    """Keep nothing from being predicted: the results' names have "_" for what is no character."""
    Path("a").mkdir()
    Path("a", os.fsdecode(b"M\xe4rz.png")).touch()
    (item,) = find_inputs(["a"], Opener(Registry(), None), 3).items
    assert (item.name, item.label) == ("M_rz", "M\\xe4rz.png")


class Folders:
    """A format whose images are folders called NAME.scan, and files without an ending that begin with SCAN."""

    suffixes = (".scan",)

    @classmethod
    def open_file(cls, path):
        """Is not called."""

    @classmethod
    def is_image(cls, path):
        """Look at the folder's name, or into the file."""
        if path.name == "faulty":
            raise KeyError("no header")
        return path.name.endswith(".scan") if path.is_dir() else path.suffix == "" and path.read_bytes()[:4] == b"SCAN"


def test_a_folder_may_be_one_image(folder):
    """Below a folder, by a pattern and named itself; what lies in it is not looked at."""
    make("a/one.scan/0", "a/one.scan/1.png", "a/deep/two.scan/0", "a/photo.png", "a/notes", "a/raw")
    Path("a/raw").write_bytes(b"SCAN...")
    opener = Opener(Registry(), None)
    opener.own = Folders
    inputs = find_inputs(["a"], opener, 1)
    assert {item.name: str(item.path) for item in inputs.items} == {
        "two": "a/deep/two.scan", "one": "a/one.scan", "photo": "a/photo.png", "raw": "a/raw",
    }  # fmt: skip
    assert counted(inputs.left_out) == "1 file of another kind"
    assert [item.name for item in find_inputs(["a/one.scan"], opener, 1).items] == ["one"]
    assert [item.name for item in find_inputs(["a/*.scan"], opener, 1).items] == ["one"]


def test_a_format_that_cannot_tell_is_named(folder):
    """What its `is_image` raises is told with its module's name, never as an internal error."""
    make("a/faulty")
    opener = Opener(Registry(), None)
    opener.own = Folders
    with pytest.raises(SegkitError, match=r"faulty cannot be told to be an image \(KeyError: 'no header'\); report"):
        find_inputs(["a"], opener, 1)


@pytest.mark.parametrize("pattern", ["scan[1]/*.png", "scan[1]/a?.png", "scan[1]", "scan[1]/a1.png"])
def test_brackets_of_a_name(folder, pattern):
    """Brackets that are signs of a folder's name find it, beside a pattern as without one."""
    make("scan[1]/a1.png", "scan1.txt")
    assert list(found(pattern)[0]) == ["a1"]


def test_brackets_of_a_pattern(folder):
    """Where brackets match something they are a pattern."""
    make("scan1/a.png", "scan[1]/b.png")
    assert list(found("scan[1]/*.png")[0]) == ["a"]


def test_names_that_no_way_tells_apart_are_numbered():
    """From the second one on, in the order given, whatever their case."""
    paths = [Path("a/x.png"), Path("b/X.png"), Path("c/x.png"), Path("d/y.png")]
    assert distinct(paths, [lambda path: path.stem]) == ["x", "X-2", "x-3", "y"]
    assert distinct(paths, [lambda path: path.stem, lambda path: f"{path.parent}-{path.stem}"]) == [
        "a-x", "b-X", "c-x", "y",
    ]  # fmt: skip

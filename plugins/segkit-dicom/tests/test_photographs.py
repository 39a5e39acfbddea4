"""Photographs in DICOM as a dataset: SEG objects that refer to them or image files beside them; what is refused."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner
from photo_files import photograph
from PIL import Image
from series_files import slices, voxels, write

from segkit import SegkitError, UsageError
from segkit.cli import main
from segkit.params import build
from segkit_dicom.formats import DicomFiles
from segkit_dicom.params import DicomParams
from segkit_dicom.reader import DicomReader
from segkit_dicom.seg_out import Segment, write_seg

SMALL = ["--epochs", "1", "--set", "arch.depth=2", "--set", "arch.width=4", "--size", "16", "--device", "cpu"]
PLANTED = ["QUIXOTIC", "DULCINEA", "CHART-", "19610203", "20240517", "ACC4711", "HIPPOCRAT"]
SEGMENTS = [Segment("crust"), Segment("lesion")]
LIVER = ("SCT", "10200004", "Liver")


def drawn(number, channels=3):
    """A photograph with a bright spot, another one on it, and its labels."""
    draw = np.random.default_rng(number)
    mask = np.zeros((20, 24), np.uint8)
    top, left = draw.integers(2, 8, 2)
    mask[top : top + 9, left : left + 10] = 1
    mask[top + 2 : top + 5, left + 3 : left + 6] = 2
    image = draw.integers(0, 60, (20, 24, 3)) + 60 * mask[..., None]
    return (image if channels == 3 else image[..., 0]).astype(np.uint8), mask


def save(path, dataset):
    """Write a dataset."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def clinic(root, masks="seg", count=7):
    """Photographs of patients, each with its mask, two of one patient; returns images and labels."""
    known = [drawn(number) for number in range(count)]
    (root / "masks").mkdir(parents=True)
    for number, (image, mask) in enumerate(known):
        one = photograph(image, patient=f"CHART-{max(number, 1)}")
        save(root / f"photo{number}.dcm", one)
        if masks == "png":
            Image.fromarray(mask * 100).save(root / f"photo{number}_mask.png")
        else:
            path = root / "masks" / f"m{number}.dcm"
            write_seg(path, [one], mask[None], SEGMENTS, labelmap=masks == "labelmap")
    return known


def reader_of(root, **said):
    """The dataset of a folder."""
    return DicomReader(Path(root), build(DicomParams, said, "dicom"))


def every(reader):
    """All of its cases."""
    return [case for split in ("train", "val", "test") for case in reader.cases(split)]


@pytest.mark.parametrize("masks", ["seg", "labelmap", "png"])
def test_photographs_and_masks_are_those_that_were_written(tmp_path, masks):
    """Whatever kind of mask; patients are grouped, ids name nobody, and what is offered is the mode of images."""
    known = clinic(tmp_path / "clinic", masks)
    reader = reader_of(tmp_path / "clinic")
    assert reader.modes == ("images",)
    assert (reader.task.in_channels, reader.task.spatial_dims, len(reader.task.classes)) == (3, 2, 2)
    found = {sample.image.tobytes(): sample.mask for sample in map(reader.read, every(reader))}
    assert len(found) == len(known)
    for image, mask in known:
        np.testing.assert_array_equal(found[image.transpose(2, 0, 1).tobytes()], mask)
    groups = [{case.group for case in reader.cases(split)} for split in ("train", "val", "test")]
    assert len(set.union(*groups)) == sum(map(len, groups)) == 6
    assert not [case for case in every(reader) if "CHART" in case.id + str(case.group)]
    assert list(reader.verify()) == []


def test_grey_photographs_are_read_beside_coloured_ones(tmp_path):
    """Alone they have one channel, beside others three equal ones; MONOCHROME1 is turned round."""
    for folder, kinds in (("grey", [1, 1, 1]), ("both", [3, 1, 1])):
        for number, channels in enumerate(kinds):
            image, mask = drawn(number, channels)
            dark = {"PhotometricInterpretation": "MONOCHROME1"} if number == 2 else {}
            save(tmp_path / folder / f"a{number}.dcm", photograph(image, f"p{number}", **dark))
            Image.fromarray((mask > 0).astype(np.uint8) * 255).save(tmp_path / folder / f"a{number}.png")
        reader = reader_of(tmp_path / folder)
        assert reader.task.in_channels == max(kinds)
        for case in every(reader):
            number = int(case.files[0].stem[1:])
            if kinds[number] == 1:
                stored = drawn(number, 1)[0]
                shown = 255 - stored if number == 2 else stored
                np.testing.assert_array_equal(reader.read(case).image, np.stack([shown] * max(kinds)))
                np.testing.assert_array_equal(DicomFiles.open_files(case.files[:1], 3).image, np.stack([shown] * 3))


def larger(root):
    """A mask of another size."""
    Image.fromarray(np.ones((21, 24), np.uint8) * 100).save(root / "photo0_mask.png")
    return "has 21x24 pixels, its image photo0.dcm 20x24"


def twice(root):
    """Two masks of one photograph."""
    Image.fromarray(np.ones((20, 24), np.uint8)).save(root / "photo0.png")
    return "of series 'left forearm' has two masks"


def framed(root):
    """A photograph of several frames."""
    one = pydicom.dcmread(root / "photo0.dcm")
    one.NumberOfFrames, one.PixelData = 2, one.PixelData * 2
    one.save_as(root / "photo0.dcm")
    return "of series 'left forearm' has 2 frames"


def cut(root):
    """A file that ends in its pixels."""
    content = (root / "photo0.dcm").read_bytes()
    (root / "photo0.dcm").write_bytes(content[:-200])
    return "is cut off"


@pytest.mark.parametrize("spoil", [larger, twice, framed, cut], ids=lambda spoil: spoil.__name__)
def test_what_is_wrong_with_one_is_said_and_the_others_go_on(tmp_path, spoil):
    """In a sentence with the file; nobody is named."""
    root = tmp_path / "clinic"
    clinic(root, "png")
    words = spoil(root)
    reader = reader_of(root)
    [problem] = reader.verify()
    told = f"{problem.file} {problem.reason}"
    assert words in told
    assert "photo0" in told
    assert "CHART" not in told
    assert len([case for case in every(reader) if "photo0" not in case.files[0].name]) == 6


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy of dicom3tools is not installed")
@pytest.mark.parametrize("orientation", [None, ["R", "F"]])
def test_a_seg_of_a_photograph_is_valid(tmp_path, orientation):
    """As dciodvfy sees it, whether or not the photograph says how the patient is held."""
    image, mask = drawn(0)
    one = photograph(image, **({} if orientation is None else {"PatientOrientation": orientation}))
    path = write_seg(tmp_path / "m.dcm", [one], mask[None], [*SEGMENTS[:1], Segment("liver", LIVER)])
    told = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
    assert not [line for line in (told.stdout + told.stderr).splitlines() if line.startswith("Error")]
    assert list(pydicom.dcmread(path).PatientOrientation or []) == (orientation or [])


def test_overlapping_segments_are_refused(tmp_path):
    """Of one photograph: a pixel has one class. The others go on."""
    for number in range(3):
        image, mask = drawn(number)
        save(tmp_path / f"a{number}.dcm", one := photograph(image, f"p{number}"))
        both = np.stack([mask > 0, mask > 1])[:, None].astype(np.uint8)
        write_seg(tmp_path / f"m{number}.dcm", [one], both if number == 0 else mask[None], SEGMENTS)
    reader = reader_of(tmp_path)
    assert [problem.file for problem in reader.verify() if "overlap" in problem.reason] == ["m0.dcm"]


def test_what_cannot_be_one_dataset_is_refused(tmp_path):
    """Volumes beside photographs, SEG objects beside image files, names that do not fit the masks' values."""
    clinic(tmp_path / "a", "png", 4)
    with pytest.raises(UsageError, match="3 classes are named"):
        reader_of(tmp_path / "a", classes=("x", "y", "z"))
    assert reader_of(tmp_path / "a", classes=("x", "y")).task.classes == ("x", "y")
    image, mask = drawn(9)
    save(tmp_path / "a" / "more.dcm", more := photograph(image, "other"))
    write_seg(tmp_path / "a" / "masks" / "m.dcm", [more], mask[None], SEGMENTS)
    with pytest.raises(SegkitError, match="keep one kind of masks"):
        reader_of(tmp_path / "a")
    clinic(tmp_path / "b", "png", 4)
    write(tmp_path / "b" / "ct", found := slices(voxels((3, 6, 7))))
    write_seg(tmp_path / "b" / "seg.dcm", found, np.ones((3, 6, 7), np.uint8), SEGMENTS[:1])
    with pytest.raises(SegkitError, match="1 series and 4 photographs with masks"):
        reader_of(tmp_path / "b")


def test_a_photograph_without_a_mask_is_told(tmp_path):
    """By its id, and why it is left out."""
    root = tmp_path / "clinic"
    clinic(root, "png", 4)
    save(root / "alone.dcm", photograph(drawn(8)[0], "other"))
    reader = reader_of(root)
    assert "1 series without a mask" in " ".join(reader.remarks())
    assert reader.left_out[root / "alone.dcm"] == "a photograph without a mask"


def test_the_whole_job_on_photographs(tmp_path, monkeypatch):
    """Run, predict as PNG and as SEG, explain: label maps lie on the photograph, and nothing but SEG names anybody."""
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "clinic"
    clinic(root)

    def segkit(*arguments):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exit_code == 0, result.output
        return result.output

    def mask_in(folder):
        [file] = json.loads((tmp_path / folder / "prediction.json").read_text())["files"]
        return tmp_path / folder / file["mask"]

    run, photo = tmp_path / "run", root / "photo0.dcm"
    told = segkit("data", "info", "dicom", "--data-root", root)
    assert "7 photographs with 7 SEG objects" in told
    told += segkit("run", "--arch", "unet", "--data", "dicom", "--data-root", root, "--output", run, *SMALL)
    assert list((run / "predictions").glob("*.png"))
    told += segkit("predict", run, photo, "-o", tmp_path / "out", "--overlays")
    told += segkit("explain", run, photo, "-o", tmp_path / "why", "--explainer", "grad-cam", "--device", "cpu")
    planted = [text.encode() for text in PLANTED]
    files = [path for folder in ("run", "out", "why") for path in (tmp_path / folder).rglob("*") if path.is_file()]
    assert not [(path, text) for path in files for text in planted if text in path.read_bytes() + path.name.encode()]
    assert not [text for text in planted if text in told.encode()]
    segkit("predict", run, photo, "-o", tmp_path / "seg", "--format", "dicom-seg", "--probabilities")
    made, source = pydicom.dcmread(mask_in("seg")), pydicom.dcmread(photo)
    [reference] = made.ReferencedSeriesSequence
    assert reference.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    marked = np.zeros((20, 24), np.uint8)
    items = made.PerFrameFunctionalGroupsSequence
    for frame, item in zip(made.pixel_array.reshape(-1, 20, 24), items, strict=True):
        marked[frame > 0] = item.SegmentIdentificationSequence[0].ReferencedSegmentNumber
    np.testing.assert_array_equal(marked, np.asarray(Image.open(mask_in("out"))))
    assert len(list((tmp_path / "seg" / "probabilities").glob("*.dcm"))) == 2

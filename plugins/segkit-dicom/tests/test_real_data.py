"""Series made of real volumes: they train to the scores of their NIfTI files, and their labels come back as SEG."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from click.testing import CliRunner
from series_files import slices, write
from test_round_trip import TURNS, by_hand, by_highdicom

from segkit.cli import main
from segkit.data.origin import Maker, Origin
from segkit_dicom.formats import DicomFiles
from segkit_dicom.segments import chosen, read_segments, segments_of
from segkit_dicom.series import read_sample, read_volume

DATA = Path(__file__).parents[4] / "shared" / "data"
HIPPOCAMPUS, AMOS = DATA / "hippocampus", DATA / "amos-mini"
SMALL = ["--epochs", "2", "--size", "32", "--set", "arch.width=4", "--set", "arch.depth=2", "--device", "cpu"]
MR = "1.2.840.10008.5.1.4.1.1.4"

needs_hippocampus = pytest.mark.skipif(not HIPPOCAMPUS.is_dir(), reason="shared/data/hippocampus is not there")


def volume(path):
    """A NIfTI file turned to RAS: values (X, Y, Z) and affine."""
    image = nibabel.as_closest_canonical(nibabel.load(path))
    return np.asarray(image.dataobj).round().astype(np.int16), image.affine


def series_of(values, affine, patient):
    """Axial slices (LPS) of a volume in RAS, as a scanner would have written them."""
    spacing = np.abs(np.diag(affine)[:3])
    corner = affine @ [values.shape[0] - 1, values.shape[1] - 1, 0, 1]
    return slices(
        values[::-1, ::-1].transpose(2, 1, 0),
        spacing=(float(spacing[2]), float(spacing[1]), float(spacing[0])),
        origin=(-corner[0], -corner[1], corner[2]),
        patient=patient,
        Modality="MR",
        SOPClassUID=MR,
    )


@pytest.mark.full
@needs_hippocampus
def test_a_run_on_series_has_the_scores_of_that_on_nifti(tmp_path, monkeypatch):
    """Ten cases of hippocampus both ways: every loss and every score is the same number."""
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    for number, path in enumerate(sorted((HIPPOCAMPUS / "imagesTr").glob("*.nii.gz"))[:10]):
        split = "train" if number < 6 else "val" if number < 8 else "test"
        values, affine = volume(path)
        labels = nibabel.Nifti1Image(volume(HIPPOCAMPUS / "labelsTr" / path.name)[0].astype(np.uint8), affine)
        name = f"c{number:02}"
        write(tmp_path / "dicom" / split / name / "s", series_of(values, affine, name))
        nibabel.save(labels, tmp_path / "dicom" / split / name / "s.nii.gz")
        for kind, image in (("images", nibabel.Nifti1Image(values, affine)), ("masks", labels)):
            (tmp_path / "folder" / split / kind).mkdir(parents=True, exist_ok=True)
            nibabel.save(image, tmp_path / "folder" / split / kind / f"{name}.nii.gz")
    found = {}
    for data in ("dicom", "folder"):
        root, output = tmp_path / data, tmp_path / f"run-{data}"
        (root / "classes.toml").write_text('classes = ["anterior", "posterior"]\n')
        said = ["run", "--arch", "unet", "--data", data, "--data-root", str(root), "--output", str(output), *SMALL]
        result = CliRunner().invoke(main, said)
        assert result.exit_code == 0, result.output
        losses = [json.loads(line)["loss"] for line in (output / "history.jsonl").read_text().splitlines()]
        scores = json.loads((output / "summary.json").read_text())["scores"]
        found[data] = losses, [(row["metric"], row["class"], row["mean"]) for row in scores]
    assert len(found["dicom"][1]) >= 6
    assert found["dicom"] == found["folder"]


def label_maps():
    """A few real label maps, none for data that is not there."""
    paths = [*sorted((HIPPOCAMPUS / "labelsTr").glob("*.nii.gz"))[:2], *sorted((AMOS / "labelsTr").glob("*.nii.gz"))]
    return [pytest.param(path, id=path.parents[1].name + "-" + path.name.split(".")[0]) for path in paths]


@pytest.mark.full
@pytest.mark.skipif(not label_maps(), reason="shared/data is not there")
@pytest.mark.parametrize("form", ["dicom-seg", "dicom-labelmap"])
@pytest.mark.parametrize("forwards", [True, False])
@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("path", label_maps())
def test_real_labels_come_back_voxel_by_voxel(tmp_path, path, turn, forwards, form):
    """At eight orientations and anisotropic, by highdicom, by hand and by segkit."""
    mask = volume(path)[0].transpose(2, 1, 0)[:24].astype(np.uint8)
    classes = tuple(f"class {label}" for label in range(1, int(mask.max()) + 1))
    found = slices(mask.astype(np.int16), TURNS[turn], (2.5, 0.7, 0.9), forwards=forwards)
    paths = write(tmp_path / "series", found)
    _, stack, _ = read_volume(paths)
    place = {file: number for number, file in enumerate(paths)}
    own = np.stack([mask[place[plane.path]] for plane in stack.planes])
    turned = stack.grid.to_volume(own.transpose(2, 1, 0))
    origin = Origin(tuple(paths), read_sample(paths).affine, classes, Maker("unet", "0.1.0", "ab" * 32))
    written = DicomFiles.write_labels_as(form, tmp_path / "out", turned, origin)
    assert mask.any()
    assert np.array_equal(by_hand(written, found), mask)
    assert np.array_equal(by_highdicom(written, found), mask)
    seg = pydicom.dcmread(written)
    read = read_segments(seg, written, stack, chosen(segments_of(seg), classes))
    assert np.array_equal(stack.grid.to_volume(read), turned)

"""The whole job on a few small series: what is understood, a run, a prediction as DICOM SEG."""

import itertools
import json

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
from click.testing import CliRunner
from series_files import slices, write

from segkit.cli import main
from segkit_dicom.seg_out import Segment, write_seg

SMALL = ["--epochs", "1", "--set", "arch.depth=2", "--set", "arch.width=4", "--size", "16", "--device", "cpu"]
FOLDERS = ("run", "out", "why", "again", "cache")
PLANTED = ["QUIXOTIC", "DULCINEA", "CHART-", "19610203", "20240517", "ACC4711", "HIPPOCRAT", "GREGORIUS"]


def patients(root, count=6):
    """Write a series and its SEG for each of some patients; returns the UIDs that were planted."""
    uids = []
    for number in range(count):
        random = np.random.default_rng(number)
        mask = np.zeros((6, 16, 16), np.uint8)
        mask[1:5, 4:10, 5:11] = 1
        mask[2:4, 6:8, 7:9] = 2
        image = (mask * 200 + random.normal(0, 20, mask.shape)).astype(np.int16)
        datasets = slices(image, patient=f"CHART-{number}")
        write(root / f"case{number}" / "ct", datasets)
        uids += [uid for one in datasets for uid in (one.SOPInstanceUID, one.SeriesInstanceUID, one.StudyInstanceUID)]
        write_seg(root / f"case{number}" / "mask.dcm", datasets, mask, [Segment("organ"), Segment("lesion")])
    return sorted(set(uids))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Six patients, and the UIDs of their files."""
    root = tmp_path_factory.mktemp("hospital")
    return root, patients(root)


@pytest.fixture
def segkit(monkeypatch, tmp_path):
    """The command, its caches where the tests are."""
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))

    def call(*arguments):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exit_code == 0, result.output
        return result.output

    return call


def test_run_and_prediction_name_nobody(data, segkit, tmp_path):
    """A run and a prediction in NIfTI leave no name, id, date or UID of the input in any file or on the terminal."""
    root, uids = data
    told = segkit("data", "info", "dicom", "--data-root", root)
    told += segkit(
        "run", "--arch", "unet", "--data", "dicom", "--data-root", root, "--output", tmp_path / "run", *SMALL
    )
    told += segkit("predict", tmp_path / "run", root, "-o", tmp_path / "out", "--overlays", "--probabilities")
    asked = "--explainer", "grad-cam", "--device", "cpu"
    told += segkit("explain", tmp_path / "run", root / "case0" / "ct", "-o", tmp_path / "why", *asked)
    told += segkit("data", "verify", "dicom", "--data-root", root)
    told += segkit("evaluate", tmp_path / "run", "--data-root", root, "--device", "cpu", "--output", tmp_path / "again")
    assert "organ" in told
    planted = [text.encode() for text in [*PLANTED, *uids]]
    files = [path for folder in FOLDERS for path in (tmp_path / folder).rglob("*") if path.is_file()]
    assert len(files) > 10
    hits = [(path.name, text) for path in files for text in planted if text in path.read_bytes()]
    hits += [("name", path.name) for path in files for text in planted if text in str(path.name).encode()]
    hits += [("terminal", text) for text in planted if text in told.encode()]
    assert not hits
    check_map(tmp_path / "why", root / "case0" / "ct")


def check_map(explained, series):
    """Each explanation lies in NIfTI where ITK reads the series: the same corners in mm, the values of the .npz."""
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(series)))
    image = reader.Execute()
    by_itk = [np.array(image.TransformIndexToPhysicalPoint(at)) * (-1, -1, 1) for at in corners(image.GetSize())]
    paths = list(explained.rglob("*.nii.gz"))
    assert paths
    for path in paths:
        found = nibabel.load(path)
        with np.load(path.with_name(path.name.removesuffix(".nii.gz") + ".npz")) as saved:
            np.testing.assert_array_equal(found.get_fdata(), saved["heat"].transpose(2, 1, 0).astype(np.float32))
        assert found.get_data_dtype() == np.float32
        by_nifti = [(found.affine @ [*at, 1])[:3] for at in corners(found.shape)]
        np.testing.assert_allclose(sorted(map(tuple, by_nifti)), sorted(map(tuple, by_itk)), atol=1e-4)


def corners(shape):
    """The indices of a grid's corners."""
    return itertools.product(*[(0, size - 1) for size in shape])


def test_prediction_is_a_seg_of_its_series(data, segkit, tmp_path):
    """Predicted as DICOM SEG, a label map refers to the files that it was made of and says what made it."""
    root, _ = data
    segkit("run", "--arch", "unet", "--data", "dicom", "--data-root", root, "--output", tmp_path / "run", *SMALL)
    segkit(
        "predict", tmp_path / "run", root / "case0", "-o", tmp_path / "out", "--format", "dicom-seg", "--probabilities"
    )
    [file] = json.loads((tmp_path / "out" / "prediction.json").read_text())["files"]
    found = pydicom.dcmread(tmp_path / "out" / file["mask"])
    source = pydicom.dcmread(next((root / "case0" / "ct").iterdir()))
    assert found.Modality == "SEG"
    assert found.FrameOfReferenceUID == source.FrameOfReferenceUID
    assert found.ReferencedSeriesSequence[0].SeriesInstanceUID == source.SeriesInstanceUID
    assert [item.SegmentLabel for item in found.SegmentSequence] == ["lesion", "organ"]
    algorithm = found.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0]
    assert algorithm.AlgorithmName == "segkit segkit-unet:unet"
    assert "sha256" in algorithm.AlgorithmParameters
    fractions = sorted((tmp_path / "out" / "probabilities").glob("*.dcm"))
    assert [pydicom.dcmread(path).SegmentSequence[0].SegmentLabel for path in fractions] == ["lesion", "organ"]


@pytest.mark.full
def test_series_are_shown_compared_and_taken_in_every_mode(data, segkit, tmp_path):
    """As slices, slabs and patches, each with scores; the runs make one table, and no page names anybody."""
    root, uids = data
    segkit("data", "show", "dicom", "--data-root", root, "-o", tmp_path / "shown.html")
    common = "--arch", "unet", "--data", "dicom", "--data-root", root, *SMALL
    modes = ("slices", "slab", "patches")
    for mode in modes:
        segkit("run", *common, "--set", f"data.mode={mode}", "--output", tmp_path / "run" / mode)
        scores = json.loads((tmp_path / "run" / mode / "summary.json").read_text())["scores"]
        assert {row["class"] for row in scores if row["metric"] == "dice"} >= {"organ", "lesion"}
    runs = [tmp_path / "run" / mode for mode in modes]
    told = segkit("compare", *runs, "--output", tmp_path / "run" / "compared")
    assert all(mode in told for mode in modes)
    planted = [text.encode() for text in [*PLANTED, *uids]]
    files = [tmp_path / "shown.html", *(path for path in (tmp_path / "run").rglob("*") if path.is_file())]
    assert not [(path.name, text) for path in files for text in planted if text in path.read_bytes()]


def test_ids_are_kept_where_somebody_asks(data, segkit, tmp_path):
    """By case id who is behind it, in a file of its own that the user alone may read, with a warning; nowhere else."""
    root, _ = data
    kept, again = tmp_path / "kept.json", tmp_path / "kept2.json"
    told = segkit(
        *("run", "--arch", "unet", "--data", "dicom", "--data-root", root, "--output", tmp_path / "run", *SMALL),
        *("--keep-ids", kept),
    )
    known = json.loads(kept.read_text())
    assert "identifies the people behind 6 cases" in told
    assert kept.stat().st_mode & 0o077 == 0
    assert sorted(one["patient"] for one in known.values()) == [f"CHART-{number}" for number in range(6)]
    cases = (tmp_path / "run" / "cases.csv").read_text()
    assert any(case in cases for case in known)
    assert known[next(iter(known))]["patient_digest"] in cases or all(one["patient_digest"] for one in known.values())
    told = segkit("predict", tmp_path / "run", root, "-o", tmp_path / "out", "--keep-ids", again)
    assert "identifies the people behind 6 cases" in told
    assert json.loads(again.read_text()) == known
    files = [path for folder in ("run", "out") for path in (tmp_path / folder).rglob("*") if path.is_file()]
    assert not [path for path in files if b"CHART-" in path.read_bytes()]
    segkit("predict", tmp_path / "run", root, "-o", tmp_path / "out", "--keep-ids", again, "--force")
    arguments = ["predict", tmp_path / "run", root / "case0", "-o", tmp_path / "out2", "--keep-ids"]
    for file, words in ((again, "holds something else"), (tmp_path / "out2" / "ids.json", "handed on without names")):
        refused = CliRunner().invoke(main, [str(argument) for argument in (*arguments, file)])
        assert refused.exit_code == 2, refused.output
        assert words in refused.stderr
    assert not (tmp_path / "out2").exists()

"""A series of DICOM through the page's address: several files are one image, whatever they are called."""

from __future__ import annotations

import gzip

import nibabel
import numpy as np
import pytest

import segkit

pytest.importorskip("segkit_dicom", reason="segkit-dicom, which reads DICOM, is not installed")
pytest.importorskip("pydicom", reason="pydicom, which segkit-dicom reads with, is not installed")


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """Twelve slices as segkit-dicom's own sample writes them."""
    from segkit_dicom.sample import write_series

    folder = tmp_path_factory.mktemp("dicom") / "patient"
    folder.mkdir()
    voxels = np.random.default_rng(0).integers(0, 600, (16, 18, 12)).astype(np.int16)
    write_series(folder, voxels, "patient", "1")
    return sorted(path for path in folder.rglob("*") if path.is_file())


def sent(paths, names=None):
    """The files of a form."""
    names = names or [path.name for path in paths]
    return [("file", (name, path.read_bytes())) for name, path in zip(names, paths, strict=True)]


@pytest.mark.parametrize("kind", ["own names", "without suffix", "hostile names"])
def test_a_series_is_predicted(server, series, kind):
    """Its label map has the series' own grid and is that of the command line, under any names of the files."""
    names = {
        "own names": None,
        "without suffix": [f"IM{number}" for number in range(len(series))],
        "hostile names": [f"../../../{number}/etc/passwd.dcm" for number in range(len(series))],
    }[kind]
    with server.client() as client:
        answer = client.post("/api/predict?model=1", files=sent(series, names))
        assert answer.status_code == 200, answer.text
        case = answer.json()["case"]
        labels = client.get(f"/api/cases/{case}/models/1/labels")
        raw = labels.content if labels.content[:2] != b"\x1f\x8b" else gzip.decompress(labels.content)
    expected = segkit.load(server.models[1], device="cpu").predict(series)
    assert expected.shape == (16, 18, 12)
    assert len(raw) == expected.size
    assert np.count_nonzero(np.frombuffer(raw, np.uint8)) == np.count_nonzero(expected)


def test_a_series_that_lacks_a_slice_is_refused(server, series):
    """In the reader's words, as JSON, without a path of the server."""
    with server.client() as client:
        answer = client.post("/api/predict?model=1", files=sent([*series[:5], *series[6:]]))
    assert answer.status_code == 422
    assert set(answer.json()) >= {"error"}
    assert str(server.temporary) not in answer.text


def test_two_series_at_once_are_refused_or_one(server, series, tmp_path):
    """A series beside a NIfTI file is no image."""
    other = tmp_path / "v.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4), np.int16), np.eye(4)), other)
    with server.client() as client:
        answer = client.post("/api/predict?model=1", files=sent([*series[:3], other]))
    assert answer.status_code in (400, 422)
    assert "Traceback" not in answer.text

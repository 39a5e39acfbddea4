"""What people correct is kept, version by version, and is a dataset to train and score on."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterator

import nibabel
import numpy as np
import pytest
from PIL import Image

import segkit
from segkit_serve.corrections import Corrections
from segkit_serve.dataset import CorrectionsReader
from segkit_serve.limits import HOUR
from segkit_serve.params import CorrectionsParams


@pytest.fixture(scope="module")
def keeping(made, start_server, tmp_path_factory) -> Iterator[tuple]:
    """A server of the model of photographs that keeps corrections, and the folder."""
    folder = tmp_path_factory.mktemp("kept") / "corrections"
    with start_server(str(made[1]), "--keep", str(folder)) as server:
        yield server, folder


def correct(client, path, drawn, version=0, who=""):
    """Have an image predicted and keep another mask of it."""
    told = client.post("/api/predict", files={"file": (path.name, path.read_bytes())}).json()
    place = f"/api/cases/{told['case']}/models/0/corrections"
    return told, client.post(place, content=drawn.tobytes(), params={"version": version, "who": who})


def test_every_version_is_kept_with_its_record(keeping, made):
    """Two people save one image: the second is told, saves again, and both masks are there with who changed what."""
    server, folder = keeping
    path = made[0] / "photographs" / "images" / "c1.png"
    drawn = np.zeros((40, 48), np.uint8)
    drawn[5:15, 6:20] = 1
    expected = segkit.load(made[1], device="cpu").predict(path)
    with server.client() as client:
        told, saved = correct(client, path, drawn, who="Ada")
        assert saved.json()["version"] == 1
        assert saved.json()["pixels"] == int((expected != drawn).sum())
        assert saved.json()["who"] == "Ada"
        for none in (-1, 2, 9):  # nobody can have seen it
            _, refused = correct(client, path, drawn * 0, version=none)
            assert refused.status_code == 400
            assert f"no version {none}" in refused.json()["error"]
        _, late = correct(client, path, drawn * 0)
        assert late.status_code == 409
        assert "Ada has saved version 1" in late.json()["error"]
        assert late.json()["version"] == 1
        _, second = correct(client, path, drawn * 0, version=1)
        assert second.json()["version"] == 2
        listed = client.get(f"/api/cases/{told['case']}/corrections").json()
        assert [one["version"] for one in listed["versions"]] == [1, 2]
        raw = client.get(f"/api/cases/{told['case']}/corrections/1").content
        assert np.array_equal(np.frombuffer(raw, np.uint8).reshape(40, 48), drawn)
        assert client.get(f"/api/cases/{told['case']}/corrections/7").status_code == 404
    place = folder / "versions" / listed["case"]
    assert sorted(entry.name for entry in place.iterdir()) == ["v0001", "v0002"]
    assert np.array_equal(np.asarray(Image.open(place / "v0001" / "mask.png")), drawn)
    assert np.array_equal(np.asarray(Image.open(place / "v0001" / "proposal.png")), expected)
    assert json.loads((place / "v0001" / "record.json").read_text())["model"]["checkpoint"]


def test_corrections_are_a_dataset(keeping, made):
    """The latest mask of each image is what the dataset reads, shared out to train on or all to be scored."""
    server, folder = keeping
    drawn = {}
    with server.client() as client:
        for number in range(2, 7):
            mask = np.zeros((40, 48), np.uint8)
            mask[number : number + 10, 6:20] = 1
            _, saved = correct(client, made[0] / "photographs" / "images" / f"c{number}.png", mask)
            drawn[saved.json()["case"]] = mask
    reader = CorrectionsReader(folder, CorrectionsParams())
    cases = [*reader.cases("train"), *reader.cases("val")]
    assert {case.id for case in cases} >= drawn.keys()
    for case in cases:
        if case.id in drawn:
            assert np.array_equal(reader.read(case).mask, drawn[case.id])
    assert reader.task.classes == ("masks",) or len(reader.task.classes) == 1
    scored = CorrectionsReader(folder, CorrectionsParams(use="score"))
    assert len(scored.cases("test")) == len(cases)
    assert not scored.cases("train")


def test_wrong_masks_leave_nothing(keeping, made):
    """A mask of another size or with labels that are no class is refused, and no version is begun."""
    server, folder = keeping
    path = made[0] / "photographs" / "images" / "c7.png"
    with server.client() as client:
        for wrong in (np.zeros((40, 47), np.uint8), np.full((40, 48), 9, np.uint8)):
            _, refused = correct(client, path, wrong)
            assert refused.status_code == 422
    left = [entry for entry in folder.glob("versions/*/*") if entry.name.startswith(".")]
    assert left == []


def test_full_disk_loses_nothing(made, tmp_path, monkeypatch):
    """Where the disk is full while a version is finished, those before it are as they were."""
    from segkit_serve import corrections as module
    from segkit_serve.cases import HeldCase

    kept = Corrections(tmp_path / "kept", ["disc"], 2)
    path = made[0] / "photographs" / "images" / "c1.png"
    case = HeldCase("id", tmp_path, "c1.png", "c1", [path], "d" * 64, 1)
    new = kept.begin(case, 0)
    (new / "mask.png").write_bytes(b"x")
    written = {"mask": "mask.png", "proposal": "mask.png", "dataset": "mask.png", "pixels": 1, "pixels_changed": {}}

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        kept.finish(case, new, 0, written, {"arch": "a", "data": "d", "checkpoint": ""}, "")
    assert kept.versions(case.key) == []
    long_ago = time.time() - 2 * HOUR
    os.utime(new, (long_ago, long_ago))
    Corrections(tmp_path / "kept", ["disc"], 2)  # begins anew where a server was killed
    assert [entry.name for entry in (tmp_path / "kept" / "versions" / case.key).iterdir()] == []


def test_folder_of_other_classes_is_refused(tmp_path):
    """What keeps corrections of one task takes none of another."""
    Corrections(tmp_path, ["disc"], 2)
    with pytest.raises(segkit.SegkitError, match="keeps corrections of"):
        Corrections(tmp_path, ["liver"], 3)
    with pytest.raises(segkit.SegkitError, match="keeps no corrections"):
        CorrectionsReader(tmp_path / "nowhere", CorrectionsParams())


@pytest.mark.full
def test_volumes_are_kept_on_their_grid(made, start_server, tmp_path):
    """A corrected volume is NIfTI on the image's grid, and the dataset reads it as it was drawn."""
    folder = tmp_path / "kept"
    path = made[0] / "volumes" / "images" / "v1.nii.gz"
    drawn = np.zeros((12, 18, 16), np.uint8)
    drawn[2:9, 3:9, 4:12] = 2
    with start_server(str(made[2]), "--keep", str(folder)) as server, server.client() as client:
        _, saved = correct(client, path, drawn)
        assert saved.status_code == 200, saved.text
    (mask,) = folder.glob("versions/*/v0001/mask.nii.gz")
    assert np.allclose(nibabel.load(mask).affine, nibabel.load(path).affine)
    reader = CorrectionsReader(folder, CorrectionsParams(use="score"))
    (case,) = reader.cases("test")
    assert np.array_equal(reader.read(case).mask, drawn)

"""Everything that tests/bad_input lists, through an upload: the command line's sentence as JSON, or its result."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segkit

LISTED = Path(__file__).resolve().parents[3] / "tests" / "bad_input"
if not LISTED.is_dir():
    pytest.skip("the list of bad input lies in the repository of segkit-core", allow_module_level=True)
pytest.importorskip("segkit_msd", reason="the list of spoiled volumes takes segkit-msd")


def listed(name: str):
    """Import a module of the list."""
    spec = importlib.util.spec_from_file_location(f"bad_input_{name}", LISTED / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FILES, VOLUMES = listed("test_files"), listed("test_volumes")
volumes = VOLUMES.volumes
PHOTOGRAPHS = ("truncated JPEG", "zero bytes", "text", "16-bit image", "decompression bomb")
NO_PHOTOGRAPH = {
    "of a mask, which nobody uploads": ("size mismatch", "truncated mask", "16-bit mask", "mask of 0 and 1"),
    "of a mask, as those": ("mask of many greys",),
    "of how files lie in a folder": ("image without mask", "mask without image", "broken link", "folder"),
}
IMAGES = ("NaN", "Inf", "4D image", "truncated", "sheared", "DICOM")
ODD = ("big-endian, scaled, float labels", "one slice", "smaller than the patch")
NO_VOLUME = {
    "of a label map, which nobody uploads": (
        *("shapes differ", "spacings differ", "affines differ", "label outside the classes", "negative label"),
        *("label of half a class", "4D label", "empty label", "missing organ"),
    ),
    "of how files lie in a folder, or are listed": (
        *("dataset.json lists a file that nobody has", "capitals clash", "id in two splits"),
        *("other folders and a BOM in dataset.json", "mixed .nii and .nii.gz"),
    ),
}


@pytest.fixture(scope="module")
def models(made):
    """The models of photographs and of volumes, as the command line has them."""
    return [segkit.load(run, device="cpu") for run in made[1:]]


def asked(server, path: Path, model: int):
    """Upload a file; returns the answer and, where it is one, the label map."""
    with server.client() as client:
        answer = client.post(f"/api/predict?model={model}", files={"file": (path.name, path.read_bytes())})
        if answer.status_code != 200:
            return answer, None
        told = answer.json()
        raw = client.get(f"/api/cases/{told['case']}/models/{model}/labels").content
    return answer, np.frombuffer(raw, np.uint8).reshape(told["results"][0]["grid"])


def expect_the_sentence(server, models, number: int, path: Path) -> None:
    """The upload is refused as the command line refuses the file, and names it as the client does."""
    with pytest.raises(segkit.SegkitError) as refused:
        models[number].predict(path)
    answer, _ = asked(server, path, number)
    assert answer.status_code == 422
    told = answer.json()
    assert told["error"] == refused.value.message.replace(str(path), path.name)
    assert told["hint"] == refused.value.hint
    assert path.name in told["error"]
    assert str(server.temporary) not in answer.text


def test_the_list_is_complete():
    """Each entry is uploaded here, or there is a reason why not; a new one is to be decided."""
    photographs = {*PHOTOGRAPHS, *(name for names in NO_PHOTOGRAPH.values() for name in names)}
    assert photographs == FILES.SPOILERS.keys()
    spoiled = {*IMAGES, *ODD, *(name for names in NO_VOLUME.values() for name in names)}
    assert spoiled == VOLUMES.SPOILERS.keys() | VOLUMES.ODDITIES.keys()


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("fault", PHOTOGRAPHS)
def test_a_spoiled_photograph(server, models, tmp_path, fault):
    """Each fault of a photograph, alone."""
    path = tmp_path / "ISIC_1.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(path)
    FILES.SPOILERS[fault][1](path)
    expect_the_sentence(server, models, 0, path)


@pytest.mark.parametrize("kind", ["CMYK", "L", "P", "RGBA"])
def test_other_forms_of_photographs(server, models, tmp_path, kind):
    """CMYK, grey, palette and opaque alpha are predicted as the command line predicts them."""
    path = tmp_path / f"other.{'jpg' if kind in ('CMYK', 'L') else 'png'}"
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(kind).save(path)
    _, labels = asked(server, path, 0)
    assert np.array_equal(labels, models[0].predict(path))


@pytest.mark.parametrize("fault", IMAGES)
def test_a_spoiled_volume(server, models, volumes, fault):
    """Each fault of a volume, alone."""
    VOLUMES.SPOILERS[fault][0](volumes)
    expect_the_sentence(server, models, 1, VOLUMES.image(volumes))


@pytest.mark.parametrize("oddity", ODD)
def test_an_odd_volume(server, models, volumes, oddity):
    """What is odd but sound is predicted as the command line predicts it."""
    VOLUMES.ODDITIES[oddity](volumes)
    _, labels = asked(server, VOLUMES.image(volumes), 1)
    assert np.array_equal(labels, models[1].predict(VOLUMES.image(volumes)))


def test_both_endings_of_volumes(server, models, volumes):
    """The list's "mixed .nii and .nii.gz": each is read."""
    VOLUMES.ODDITIES["mixed .nii and .nii.gz"](volumes)
    for path in (volumes / "imagesTr" / "a.nii", volumes / "imagesTr" / "b.nii.gz"):
        _, labels = asked(server, path, 1)
        assert np.array_equal(labels, models[1].predict(path))

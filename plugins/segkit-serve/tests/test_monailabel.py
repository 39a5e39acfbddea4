"""MONAI Label's own client gets what it asks for."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

import segkit


@pytest.fixture
def client(server, tmp_path):
    """The client of the monailabel package, given the address that the server prints for it."""
    found = pytest.importorskip(
        "monailabel.client.client", reason="monailabel, whose client is tried, is not installed", exc_type=ImportError
    )
    return found.MONAILabelClient(f"{server.base}/monai/{server.token}", str(tmp_path))


def test_info_names_models_and_labels(client):
    """Each model with its classes in label order."""
    told = client.info()
    assert told["labels"][0] == "masks" or told["labels"]
    assert [model["dimension"] for model in told["models"].values()] == [2, 3]
    assert not client.auth_enabled()


def test_volume_sent_with_the_request(client, server):
    """The label map of a NIfTI file comes back as one on its grid, with the params beside it."""
    name = list(client.info()["models"])[1]
    path, params = client.infer(name, "", {}, file=str(server.volume))
    expected = segkit.load(server.models[1], device="cpu").predict(server.volume)
    image, labels = nibabel.load(server.volume), nibabel.load(path)
    assert np.allclose(image.affine, labels.affine)
    assert np.count_nonzero(labels.get_fdata()) == np.count_nonzero(expected)
    assert list(params["label_names"].values()) == [1, 2]


def test_image_of_the_datastore(client, server):
    """An image that was uploaded first is found by its name, a photograph as well."""
    name = next(iter(client.info()["models"]))
    assert client.upload_image(str(server.photograph), "one of mine") == {"image": "one of mine"}
    assert "one of mine" in client.datastore()["objects"]
    path, _ = client.infer(name, "one of mine", {})
    expected = segkit.load(server.models[0], device="cpu").predict(server.photograph)
    assert np.array_equal(np.asarray(Image.open(Path(path))), expected)


def test_without_the_token_nothing_is_told(server, tmp_path):
    """Another address than the one printed is refused."""
    found = pytest.importorskip("monailabel.client.client", reason="monailabel is not installed", exc_type=ImportError)
    client = found.MONAILabelClient(f"{server.base}/monai/another-token", str(tmp_path))
    with pytest.raises(found.MONAILabelClientException) as told:
        client.info()
    assert "asks for its token" in told.value.msg

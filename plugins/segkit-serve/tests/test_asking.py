"""A server asked by a real client: what it says is what the model says, in the image's own format."""

from __future__ import annotations

import gzip
import io
import time

import nibabel
import numpy as np
import pytest
from PIL import Image

import segkit


def wait(client, job):
    """Ask for a job until it has ended."""
    for _ in range(600):
        told = client.get(f"/api/jobs/{job}").json()
        if told["state"] in ("done", "failed"):
            return told
        time.sleep(0.05)
    raise AssertionError("the job does not end")


def upload(path, name=None):
    """A file as a form's field."""
    return {"file": (name or path.name, path.read_bytes())}


def test_photograph_is_predicted_as_by_the_model(server):
    """The label map, its sizes and its file are those of segkit.load(...).predict."""
    expected = segkit.load(server.models[0], device="cpu").predict(server.photograph)
    with server.client() as client:
        told = client.post("/api/predict?model=0", files=upload(server.photograph)).json()
        (result,) = told["results"]
        place = f"/api/cases/{told['case']}/models/0"
        raw = client.get(f"{place}/labels").content
        mask = client.get(f"{place}/mask")
        picture = client.get(f"/api/cases/{told['case']}/picture")
    assert np.array_equal(np.frombuffer(raw, np.uint8).reshape(result["grid"]), expected)
    assert result["sizes"][0]["pixels"] == int((expected == 1).sum())
    assert mask.headers["content-disposition"].endswith("c3-mask.png")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(mask.content))), expected)
    assert Image.open(io.BytesIO(picture.content)).size == (48, 40)


def test_answer_can_be_the_mask_alone(server):
    """One request gives the label map's file."""
    with server.client() as client:
        found = client.post("/api/predict?answer=mask", files=upload(server.photograph))
    assert found.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(found.content)).size == (48, 40)


def test_volume_is_a_job(server, tmp_path):
    """A volume is submitted, asked about and fetched; its mask lies on the image's own grid."""
    with server.client() as client:
        answer = client.post("/api/jobs?model=1", files=upload(server.volume))
        assert answer.status_code == 202
        told = wait(client, answer.json()["job"])
        assert told["state"] == "done", told
        (result,) = told["result"]["results"]
        case = told["case"]
        plane = client.get(f"/api/cases/{case}/slices/5").content
        mask = client.get(f"/api/cases/{case}/models/1/mask")
        raw = client.get(f"/api/cases/{case}/models/1/labels").content
    expected = segkit.load(server.models[1], device="cpu").predict(server.volume)
    assert np.array_equal(np.frombuffer(raw, np.uint8).reshape(result["grid"]), expected)
    assert len(plane) == result["grid"][1] * result["grid"][2]
    (tmp_path / "mask.nii.gz").write_bytes(mask.content)
    image, labels = nibabel.load(server.volume), nibabel.load(tmp_path / "mask.nii.gz")
    assert np.allclose(image.affine, labels.affine)
    assert image.shape == labels.shape


def test_several_models_at_once(server):
    """One upload, a result of each model that is named; a model of another kind of image is refused in its words."""
    with server.client() as client:
        told = client.post("/api/predict?model=0,0", files=upload(server.photograph)).json()
        assert [result["model"] for result in told["results"]] == [0]
        refused = client.post("/api/predict?model=all", files=upload(server.photograph))
    assert refused.status_code == 422
    assert "c3.png" in refused.json()["error"]


def test_explanation_comes_with_its_evidence(server):
    """A heat map on the image's grid, a verdict, and the figures behind it."""
    with server.client() as client:
        told = client.post("/api/predict", files=upload(server.photograph)).json()
        place = f"/api/cases/{told['case']}/models/0"
        assert client.get(f"{place}/heat").status_code == 404
        name = client.get("/api/info").json()["models"][0]["explainers"][0]
        body = {"explainer": name, "target": "predicted", "evidence": True}
        found = wait(client, client.post(f"{place}/explain", json=body).json()["job"])
        assert found["state"] == "done", found
        assert found["result"]["verdict"] in ("believe", "doubtful", "empty")
        heat = client.get(f"{place}/heat").content
    assert len(heat) == 40 * 48


def test_corrected_mask_is_handed_back_in_the_images_format(server):
    """What a page has drawn comes back as a file on the image's grid, gzipped or not on its way."""
    drawn = np.zeros((40, 48), np.uint8)
    drawn[3:9, 5:20] = 1
    with server.client() as client:
        told = client.post("/api/predict", files=upload(server.photograph)).json()
        place = f"/api/cases/{told['case']}/models/0/corrected"
        for body in (drawn.tobytes(), gzip.compress(drawn.tobytes())):
            found = client.post(place, content=body)
            assert np.array_equal(np.asarray(Image.open(io.BytesIO(found.content))), drawn)
        for wrong in (
            b"",
            drawn.tobytes()[:-1],
            (drawn * 9).tobytes(),
            gzip.compress(drawn.tobytes() * 2),
            b"\x1f\x8bx",
        ):
            refused = client.post(place, content=wrong)
            assert refused.status_code == 422, refused.text
            assert refused.json()["error"]
        refused = client.post(place, content=bytes(40 * 48 + 5000))  # never held as a whole, whatever its length
        assert refused.status_code == 413, refused.text
        assert refused.json()["error"]


def test_numbers_of_thousands_of_digits_lead_nowhere(server):
    """As any address that is not there: Python itself refuses to read such a number."""
    with server.client() as client:
        case = client.post("/api/predict", files=upload(server.photograph)).json()["case"]
        for address in ("models/{}/labels", "slices/{}", "corrections/{}"):
            found = client.get(f"/api/cases/{case}/{address.format('9' * 5000)}")
            assert found.status_code == 404
            assert found.json()["error"]


def test_cases_can_be_forgotten(server):
    """A case that a client removes is gone, with its files."""
    with server.client() as client:
        case = client.post("/api/predict", files=upload(server.photograph)).json()["case"]
        assert client.get(f"/api/cases/{case}").status_code == 200
        assert client.delete(f"/api/cases/{case}").json() == {"removed": case}
        assert client.get(f"/api/cases/{case}").status_code == 404


def test_page_asks_nobody_else(server):
    """The page and its files come with a policy that forbids foreign scripts, and name no other server."""
    with server.client() as client:
        page = client.get("/")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        texts = [page.text, *(client.get(f"/static/{name}").text for name in ("page.js", "page.css", "pen.js"))]
    assert not any("https://" in text for text in texts)


@pytest.mark.parametrize("name", ["../../../etc/passwd", "a/b\\c.png", "\x00.png", "x" * 5000 + ".png", "", ".png"])
def test_names_of_uploads_are_never_opened(server, name):
    """Whatever a client calls its file, it is stored under a name of the server's own."""
    with server.client() as client:
        told = client.post("/api/predict", files={"file": (name or "noname", server.photograph.read_bytes())})
    assert told.status_code in (200, 400), told.text
    if told.status_code == 200:
        assert "/" not in told.json()["results"][0]["files"][0]


def test_interface_is_described(server):
    """Every address of the interface is in the OpenAPI document and on its page, and the other way round."""
    from segkit_serve.openapi import document
    from segkit_serve.routes import ROUTES

    served = {
        (method.lower(), route.path.replace(":number", "")) for route in ROUTES for method in route.methods - {"HEAD"}
    }
    described = {(method, path) for path, methods in document()["paths"].items() for method in methods}
    assert described == served
    with server.client() as client:
        assert client.get("/openapi.json").json()["openapi"].startswith("3.1")
        page = client.get("/docs").text
    assert [path for _, path in served if f"<code>{path}</code>" not in page] == []

"""The addresses that MONAI Label's clients ask, such as 3D Slicer's module and OHIF's panel: info, infer, datastore.

Written after the client in monailabel 0.8.5; training, scoring and sessions, which it can do without, are not there.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

import segkit
from segkit_serve import uploads
from segkit_serve.cases import HeldCase
from segkit_serve.desk import Desk
from segkit_serve.refusal import RefusedError
from segkit_serve.routes import desk_of, mask_file

NAMES = 200
"""Images that a client may send before it asks; each is held as any other case."""

PARAMS = '--{}\r\nContent-Disposition: form-data; name="params"\r\nContent-Type: application/json\r\n\r\n'


def model_name(number: int, model: dict[str, Any]) -> str:
    """What a client calls a model: its architecture and data, and its number where there are several."""
    return f"{model['arch'].rpartition(':')[2]}-{model['data'].rpartition(':')[2]}-{number}"


def number_of(desk: Desk, name: str) -> int:
    """Return the model that a client means; raises RefusedError where there is none."""
    names = [model_name(number, model) for number, model in enumerate(desk.models)]
    if name not in names:
        raise RefusedError(404, f"there is no model {name[:60]!r}", f"there are {', '.join(names)}")
    return names.index(name)


def images_of(request: Request) -> dict[str, str]:
    """The cases by the names that clients gave their images."""
    found: dict[str, str] = request.app.state.monai_images
    return found


async def info(request: Request) -> Response:
    """What is served, as MONAI Label tells it."""
    desk = desk_of(request)
    models = {
        model_name(number, model): {
            "type": "segmentation",
            "labels": {name: label for label, name in enumerate(model["classes"], start=1)},
            "dimension": model["dims"],
            "description": f"{model['arch']} trained on {model['data']}; for research, not for diagnosis",
            "config": {},
        }
        for number, model in enumerate(desk.models)
    }
    labels = list(dict.fromkeys(name for model in desk.models for name in model["classes"]))
    return JSONResponse(
        {
            "name": "segkit serve",
            "description": "Models that segkit trained; for research, not for diagnosis",
            "version": segkit.__version__,
            "labels": labels,
            "models": models,
            "trainers": {},
            "strategies": {},
            "scoring": {},
            "train_stats": {},
            "datastore": {"total": len(images_of(request)), "completed": 0},
            "config": {},
        }
    )


async def authorised(request: Request) -> Response:
    """Whether users have to log in: the token is in the address."""
    return JSONResponse({"enabled": False, "client_id": None, "realm": None})


async def datastore(request: Request) -> Response:
    """The images that clients sent and that are still held; or one more."""
    images = images_of(request)
    if request.method == "PUT":
        return await add_image(request)
    if request.query_params.get("output") == "all":
        objects = {name: {"image": {"ext": "", "info": {}}, "labels": {}} for name in images}
        return JSONResponse({"name": "segkit serve", "description": "", "objects": objects})
    return JSONResponse({"total": len(images), "completed": 0, "label_tags": {}, "train": []})


async def add_image(request: Request) -> Response:
    """Take an image under a name that a client may ask by afterwards."""
    desk = desk_of(request)
    with desk.place():
        form = await uploads.read_form(request, 2)
        try:
            files = uploads.files_of(form)
            case = uploads.store(desk.cases, files, desk.suffixes(range(len(desk.models))))
        finally:
            await form.close()
    name = (request.query_params.get("image") or case.stem)[: uploads.LONGEST_STEM]
    images = images_of(request)
    images[name] = case.id
    while len(images) > NAMES:
        images.pop(next(iter(images)))
    return JSONResponse({"image": name})


def held_image(request: Request, name: str) -> HeldCase:
    """Return the case of an image that a client sent; raises RefusedError where it is not held any more."""
    known = images_of(request).get(name)
    if known is None:
        raise RefusedError(404, f"there is no image {name[:60]!r} here", "send it with the request, or upload it first")
    try:
        return desk_of(request).cases.get(known)
    except RefusedError:
        del images_of(request)[name]
        raise


async def image(request: Request) -> Response:
    """An image that a client sent, as it was sent; or whether it is there; or one more."""
    if request.method == "PUT":
        return await add_image(request)
    case = held_image(request, request.query_params.get("image", ""))
    if len(case.files) != 1 or case.series is not None:
        raise RefusedError(404, "this image is several files", "they were sent from where the client has them")
    return FileResponse(case.files[0], filename=f"{case.stem}{''.join(case.files[0].suffixes)}")


async def infer(request: Request) -> Response:
    """Predict an image that comes with the request, or one that was sent before; answers with its label map."""
    desk = desk_of(request)
    number = number_of(desk, request.path_params["model"])
    with desk.place():
        form = await uploads.read_form(request, 4)
        try:
            named = request.query_params.get("image", "")
            if "file" in form:
                case = uploads.store(desk.cases, uploads.files_of(form), desk.suffixes([number]))
            else:
                case = held_image(request, named)
        finally:
            await form.close()
        found = await desk.predict(case, number)
    path = case.folder / f"mask-{number}" / found["files"][0]
    names = {name: label for label, name in enumerate(desk.models[number]["classes"], start=1)}
    told = {
        "label_names": names,
        "sizes": {size["name"]: size["pixels"] for size in found["sizes"]},
        "expected_dice": found["expected_dice"],
        "notice": "for research, not for diagnosis",
    }
    output = request.query_params.get("output", "all")
    if output == "json":
        return JSONResponse(told)
    if output == "image":
        return mask_file(case, number, path)
    return two_parts(told, path)


def two_parts(told: dict[str, Any], path: Path) -> Response:
    """Return a form with "params" and the label map's file as "image", as MONAI Label answers."""
    data = path.read_bytes()
    boundary = f"segkit-{secrets.token_hex(16)}"
    parts = [
        PARAMS.format(boundary).encode(),
        json.dumps(told).encode(),
        (
            f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{path.name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode(),
        data,
        f"\r\n--{boundary}--\r\n".encode(),
    ]
    return Response(
        b"".join(parts),
        media_type=f"multipart/form-data; boundary={boundary}",
        headers={"X-Content-SHA256": hashlib.sha256(data).hexdigest()},
    )


ROUTES = [
    Route("/monai/info/", info),
    Route("/monai/info", info),
    Route("/monai/auth/", authorised),
    Route("/monai/datastore/", datastore, methods=["GET", "PUT"]),
    Route("/monai/datastore", datastore, methods=["GET", "PUT"]),
    Route("/monai/datastore/image", image, methods=["GET", "HEAD", "PUT"]),
    Route("/monai/infer/{model}", infer, methods=["POST"]),
]

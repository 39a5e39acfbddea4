"""What the interface over HTTP answers; `segkit_serve.openapi` describes every address."""

from __future__ import annotations

import asyncio
import gzip
import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

import segkit
from segkit_serve import numbers, uploads
from segkit_serve.cases import HeldCase
from segkit_serve.corrections import Corrections
from segkit_serve.desk import Desk
from segkit_serve.refusal import RefusedError
from segkit_serve.removing import remove_folder
from segkit_serve.tasks import labels_file

RAW = "application/octet-stream"
GZIP = 1024
"""Bytes that a gzip file may be longer than what it holds, beside a hundredth of it."""


def desk_of(request: Request) -> Desk:
    """The server's desk."""
    found: Desk = request.app.state.desk
    return found


async def info(request: Request) -> Response:
    """What is served, and within which bounds."""
    desk = desk_of(request)
    return JSONResponse(
        {
            "segkit": segkit.__version__,
            "notice": "for research, not for diagnosis",
            "models": [{"number": number, **model} for number, model in enumerate(desk.models)],
            "colours": request.app.state.colours,
            "limits": {
                "upload_bytes": desk.limits.upload,
                "photograph_seconds": desk.limits.photograph,
                "volume_seconds": desk.limits.volume,
                "waiting": desk.limits.waiting,
            },
            "keeps_corrections": request.app.state.corrections is not None,
        }
    )


async def received(request: Request, numbers: list[int]) -> HeldCase:
    """Store what a request brings, and forget the spooled files."""
    desk = desk_of(request)
    form: FormData = await uploads.read_form(request, desk.limits.files)
    try:
        files = uploads.files_of(form)
        return await asyncio.to_thread(uploads.store, desk.cases, files, desk.suffixes(numbers))
    finally:
        await form.close()


async def predict(request: Request) -> Response:
    """Predict one image, and answer once that is done: with what came of it, or with the label map itself."""
    desk = desk_of(request)
    with desk.place():
        numbers = desk.chosen(request.query_params.get("model", "0"))
        case = await received(request, numbers)
        try:
            results = [await desk.predict(case, number) for number in numbers]
        except RefusedError:
            desk.cases.remove(case.id)
            raise
        if request.query_params.get("answer") == "mask":
            return mask_file(case, numbers[0], case.folder / f"mask-{numbers[0]}" / results[0]["files"][0])
    return JSONResponse(told(case))


async def submit(request: Request) -> Response:
    """Take an image and answer at once, with the job that predicts it."""
    desk = desk_of(request)
    with desk.place():
        numbers = desk.chosen(request.query_params.get("model", "0"))
        case = await received(request, numbers)
    return JSONResponse(desk.submit(case, partial(predict_all, desk, case, numbers)).told(), 202)


async def predict_all(desk: Desk, case: HeldCase, numbers: list[int], tell: Callable[[float], None]) -> dict[str, Any]:
    """Predict a case by several models, one after the other."""
    for done, number in enumerate(numbers):
        await desk.predict(case, number, part_of(tell, done, len(numbers)))
    return told(case)


def part_of(tell: Callable[[float], None], done: int, count: int) -> Callable[[float], None]:
    """Return what tells of the whole while one of its parts is told."""
    return lambda share: tell((done + share) / count)


def told(case: HeldCase) -> dict[str, Any]:
    """What a client is told of a case."""
    return {"case": case.id, "name": case.name, "results": [case.results[number] for number in sorted(case.results)]}


async def job(request: Request) -> Response:
    """How a job goes."""
    return JSONResponse(desk_of(request).job(request.path_params["job"]).told())


def case_of(request: Request) -> tuple[HeldCase, int]:
    """The case and the model that an address names."""
    desk = desk_of(request)
    number = int(request.path_params.get("model", 0))
    desk.model(number)
    return desk.cases.get(request.path_params["case"]), number


async def case(request: Request) -> Response:
    """What is known of a case; or forget it."""
    held, _ = case_of(request)
    if request.method == "DELETE":
        desk_of(request).cases.remove(held.id)
        return JSONResponse({"removed": held.id})
    return JSONResponse(told(held))


async def picture(request: Request) -> Response:
    """A photograph to be shown, as JPEG."""
    held, _ = case_of(request)
    desk = desk_of(request)
    number, result = next(iter(held.results.items()), (None, None))
    if number is None or result is None:
        raise RefusedError(404, "no model has predicted this image yet", "wait for its job")
    if desk.models[number]["dims"] != 2:
        raise RefusedError(404, "this image is a volume", "ask for its slices")
    arguments = {**desk.about(held, number), "grid": result["grid"]}
    data = await desk.ask(held, number, "picture", arguments)
    return Response(data, media_type="image/jpeg")


async def plane(request: Request) -> Response:
    """An axial slice of a volume to be shown: bytes of 0 to 255, row by row."""
    held, _ = case_of(request)
    path = held.folder / "shown.npy"
    if not path.exists():
        raise RefusedError(404, "there are no slices of this image", "wait for its job, or ask for its picture")
    index = int(request.path_params["slice"])
    volume = np.load(path, mmap_mode="r")
    if not 0 <= index < len(volume):
        raise RefusedError(404, f"there is no slice {index}", f"they are numbered from 0 to {len(volume) - 1}")
    return gzipped(gzip.compress(np.ascontiguousarray(volume[index]).tobytes(), 1))


async def labels(request: Request) -> Response:
    """A model's label map: one byte per pixel, C order, on the image's own grid."""
    held, number = case_of(request)
    held.result(number)
    return gzipped(labels_file(held.folder, number).read_bytes())


def gzipped(data: bytes) -> Response:
    """Return bytes that a client unpacks by itself."""
    return Response(data, media_type=RAW, headers={"Content-Encoding": "gzip"})


async def mask(request: Request) -> Response:
    """A model's label map in the image's own format, to be kept."""
    held, number = case_of(request)
    return mask_file(held, number, held.folder / f"mask-{number}" / held.result(number)["files"][0])


def mask_file(held: HeldCase, number: int, path: Path) -> Response:
    """Return a label map's file under a name that tells whose it is."""
    name = path.name.replace("-mask", f"-mask-{number}" if number else "-mask", 1)
    return FileResponse(path, headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"})


async def explain(request: Request) -> Response:
    """Begin an explanation of a prediction; its heat map and evidence are the job's result."""
    held, number = case_of(request)
    desk = desk_of(request)
    held.result(number)
    wanted = await small_body(request)
    explainer, target = str(wanted.get("explainer", "")), str(wanted.get("target", "predicted"))
    known = desk.models[number]["explainers"]
    if explainer not in known:
        raise RefusedError(422, f"there is no explainer {explainer[:40]!r}", f"there are {', '.join(known)}")
    arguments = {
        **desk.about(held, number),
        "explainer": explainer,
        "target": target,
        "evidence": bool(wanted.get("evidence", True)),
    }

    async def work(tell: Callable[[float], None]) -> Any:
        held.explanations[number] = await desk.ask(held, number, "explain", arguments, tell)
        return held.explanations[number]

    return JSONResponse(desk.submit(held, work).told(), 202)


async def heat(request: Request) -> Response:
    """The last heat map of a model: bytes of 0 to 255 on the image's own grid."""
    held, number = case_of(request)
    if number not in held.explanations:
        raise RefusedError(404, "nothing was explained yet", "ask for an explanation first")
    return gzipped((held.folder / f"heat-{number}.gz").read_bytes())


async def small_body(request: Request) -> dict[str, Any]:
    """Return a body that is a small JSON object; raises RefusedError where it is none."""
    from segkit.files import parse_json

    data = await uploads.read_body(request, uploads.FIELD, "see /docs")
    try:
        found = parse_json(data or b"{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise RefusedError(400, "the request is no JSON object", "see /docs")
    return found


async def drawn(request: Request, desk: Desk, number: int, result: Mapping[str, Any]) -> bytes:
    """Return the label map that a request brings: one byte per pixel, gzipped or not, so never much more than that."""
    each = len(desk.models[number]["classes"]) if result["overlapping"] else 1
    count = math.prod(result["grid"]) * each
    return await uploads.read_body(request, count + count // 100 + GZIP, "send one byte per pixel")


async def write_corrected(request: Request) -> Response:
    """Return a corrected label map in the image's own format, without keeping it."""
    held, number = case_of(request)
    result = held.result(number)
    desk = desk_of(request)
    with desk.place():
        data = await drawn(request, desk, number, result)
        place = held.folder / "corrected"
        place.mkdir(exist_ok=True)
        arguments = {**desk.about(held, number), "labels": data, "folder": str(place), "name": f"{held.stem}-corrected"}
        names = await desk.ask(held, number, "write", arguments)
        return mask_file(held, 0, place / names[0])


def corrections_of(request: Request) -> Corrections:
    """Where corrections are kept; raises RefusedError where they are not."""
    found: Corrections | None = request.app.state.corrections
    if found is None:
        raise RefusedError(403, "this server keeps nothing", "start it with --keep DIR, or download the mask")
    return found


async def corrections(request: Request) -> Response:
    """The record of an image's corrections, whoever made them."""
    held, _ = case_of(request)
    return JSONResponse({"case": held.key, "versions": corrections_of(request).versions(held.key)})


async def corrected_labels(request: Request) -> Response:
    """A version's label map: one byte per pixel, C order."""
    held, _ = case_of(request)
    return gzipped(corrections_of(request).labels(held.key, int(request.path_params["version"])))


async def keep_correction(request: Request) -> Response:
    """Keep a label map that was drawn as the next version of an image's mask."""
    held, number = case_of(request)
    kept, desk = corrections_of(request), desk_of(request)
    result = held.result(number)
    try:
        seen = int(request.query_params.get("version", "0"))
    except ValueError:
        raise RefusedError(400, "version is no number", "give the last version that was seen, 0 for none") from None
    with desk.place():
        data = await drawn(request, desk, number, result)
        new = kept.begin(held, seen)
        try:
            arguments = {**desk.about(held, number), "folder": str(new), "labels": data, "grid": result["grid"]}
            arguments["proposed"] = str(labels_file(held.folder, number))
            written = await desk.ask(held, number, "keep", arguments)
            who = request.query_params.get("who", "")
            record = kept.finish(held, new, seen, written, desk.models[number], who)
        except BaseException:
            remove_folder(new)
            raise
    return JSONResponse(record)


numbers.register()
CASE = "/api/cases/{case}"
ROUTES = [
    Route("/api/info", info),
    Route("/api/predict", predict, methods=["POST"]),
    Route("/api/jobs", submit, methods=["POST"]),
    Route("/api/jobs/{job}", job),
    Route(CASE, case, methods=["GET", "DELETE"]),
    Route(f"{CASE}/picture", picture),
    Route(f"{CASE}/slices/{{slice:number}}", plane),
    Route(f"{CASE}/models/{{model:number}}/labels", labels),
    Route(f"{CASE}/models/{{model:number}}/mask", mask),
    Route(f"{CASE}/models/{{model:number}}/explain", explain, methods=["POST"]),
    Route(f"{CASE}/models/{{model:number}}/heat", heat),
    Route(f"{CASE}/models/{{model:number}}/corrected", write_corrected, methods=["POST"]),
    Route(f"{CASE}/corrections", corrections),
    Route(f"{CASE}/corrections/{{version:number}}", corrected_labels),
    Route(f"{CASE}/models/{{model:number}}/corrections", keep_correction, methods=["POST"]),
]

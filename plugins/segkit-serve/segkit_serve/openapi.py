"""What the interface over HTTP takes and gives, as an OpenAPI document and as a page of it."""

from __future__ import annotations

import html
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from segkit_serve import __version__

FILE = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}},
            }
        }
    },
}
RAW = {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
EXPLAINED = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["explainer"],
                "properties": {
                    "explainer": {"type": "string"},
                    "target": {"type": "string", "default": "predicted"},
                    "evidence": {"type": "boolean", "default": True},
                },
            }
        }
    },
}
MODEL = ("model", "query", "string", "Numbers of the models, such as 0 or 0,2, or all.")
ANSWER = ("answer", "query", "string", "mask: give the label map's file in the place of JSON.")
VERSION = ("version", "query", "integer", "The last version that was seen, 0 for none; another one is told.")
WHO = ("who", "query", "string", "A name for the record; may be left out.")

Operation = tuple[str, str, str, tuple[tuple[str, str, str, str], ...], dict[str, Any] | None, str]
JSON, BYTES, OWN = "application/json", "application/octet-stream", "the image's own format"
PLACE = "/api/cases/{case}"
OPERATIONS: tuple[Operation, ...] = (
    ("get", "/api/info", "Models, their classes, colours and bounds.", (), None, JSON),
    ("post", "/api/predict", "Predict an image and wait for it.", (MODEL, ANSWER), FILE, JSON),
    ("post", "/api/jobs", "Submit an image; answers at once, 202, with the job.", (MODEL,), FILE, JSON),
    ("get", "/api/jobs/{job}", "state (waiting, running, done, failed), progress, result or error.", (), None, JSON),
    ("get", PLACE, "What the models said of an image.", (), None, JSON),
    ("delete", PLACE, "Forget an image and all that came of it.", (), None, JSON),
    ("get", f"{PLACE}/picture", "A photograph to be shown.", (), None, "image/jpeg"),
    (
        "get",
        f"{PLACE}/slices/{{slice}}",
        "An axial slice, a byte a voxel, row by row.",
        (),
        None,
        BYTES,
    ),
    ("get", f"{PLACE}/models/{{model}}/labels", "The label map, a byte a pixel, C order.", (), None, BYTES),
    ("get", f"{PLACE}/models/{{model}}/mask", "The label map as a file.", (), None, OWN),
    ("post", f"{PLACE}/models/{{model}}/explain", "Submit an explanation; a job.", (), EXPLAINED, JSON),
    ("get", f"{PLACE}/models/{{model}}/heat", "The last heat map, 0 to 255, a byte a pixel.", (), None, BYTES),
    ("post", f"{PLACE}/models/{{model}}/corrected", "A drawn label map as a file.", (), RAW, OWN),
    ("get", f"{PLACE}/corrections", "The record of an image's corrections.", (), None, JSON),
    ("get", f"{PLACE}/corrections/{{version}}", "A version's label map, a byte a pixel.", (), None, BYTES),
    (
        "post",
        f"{PLACE}/models/{{model}}/corrections",
        "Keep a drawn label map as the next version; 409 where there is one that was not seen.",
        (VERSION, WHO),
        RAW,
        JSON,
    ),
)
ERROR = {
    "description": "Refused: one sentence, and the way out.",
    "content": {
        JSON: {
            "schema": {
                "type": "object",
                "required": ["error", "hint"],
                "properties": {"error": {"type": "string"}, "hint": {"type": "string"}},
            }
        }
    },
}


def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    paths: dict[str, dict[str, Any]] = {}
    for method, path, summary, query, body, kind in OPERATIONS:
        named = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        parameters = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in named
        ] + [
            {"name": name, "in": place, "schema": {"type": type_}, "description": text}
            for name, place, type_, text in query
        ]
        media = "application/octet-stream" if kind == OWN else kind
        schema = {"type": "object"} if kind == JSON else {"type": "string", "format": "binary"}
        code = "202" if path.endswith("/explain") or path == "/api/jobs" else "200"
        paths.setdefault(path, {})[method] = {
            "summary": summary,
            "parameters": parameters,
            **({} if body is None else {"requestBody": body}),
            "responses": {code: {"description": "Done.", "content": {media: {"schema": schema}}}, "default": ERROR},
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "segkit serve", "version": __version__, "description": "For research, not for diagnosis."},
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
        "paths": paths,
    }


async def openapi(request: Request) -> Response:
    """The document."""
    return JSONResponse(document())


async def docs(request: Request) -> Response:
    """The document as a page."""
    rows = []
    for method, path, summary, query, body, kind in OPERATIONS:
        takes = ", ".join(f"<code>{name}</code> ({html.escape(text)})" for name, _, _, text in query)
        takes += " " + ", ".join(body["content"]) if body else ""
        rows.append(
            f"<tr><td><code>{method.upper()}</code></td><td><code>{html.escape(path)}</code></td>"
            f"<td>{html.escape(summary)}</td><td>{takes}</td><td>{html.escape(kind)}</td></tr>"
        )
    host = html.escape(request.headers.get("host", "127.0.0.1:8080"))
    return HTMLResponse(PAGE.format(host=host, rows="".join(rows)))


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>segkit serve: interface over HTTP</title><link rel="icon" href="/static/icon.svg">
<link rel="stylesheet" href="/static/page.css"></head>
<body class="docs"><main><h1>Interface over HTTP</h1>
<p>Every request has the token: <code>Authorization: Bearer TOKEN</code>, or <code>?token=TOKEN</code>. What is refused
is answered with <code>{{"error": "...", "hint": "..."}}</code>. The same for programs:
<a href="/openapi.json">openapi.json</a>.
MONAI Label's clients, such as 3D Slicer's module, take <code>http://{host}/monai/TOKEN</code> as their server.</p>
<h2>In a shell</h2>
<pre tabindex="0" role="region" aria-label="Examples">curl -H "Authorization: Bearer $TOKEN" -F file=@photo.jpg "http://{host}/api/predict"
curl -H "Authorization: Bearer $TOKEN" -F file=@photo.jpg "http://{host}/api/predict?answer=mask" -o mask.png
curl -H "Authorization: Bearer $TOKEN" -F file=@volume.nii.gz "http://{host}/api/jobs"</pre>
<h2>Addresses</h2>
<div class="wide" tabindex="0" role="region" aria-label="Addresses"><table><thead><tr><th scope="col">method</th>
<th scope="col">address</th><th scope="col">what it does</th><th scope="col">takes</th>
<th scope="col">gives</th></tr></thead>
<tbody>{rows}</tbody></table></div><p><a href="/">Back to the page</a></p></main></body></html>
"""

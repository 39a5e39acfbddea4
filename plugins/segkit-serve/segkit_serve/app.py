"""The server as an ASGI application: the door, the page, the interface, its workers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from segkit import SegkitError
from segkit.jobs.predict.overlays import colour
from segkit_serve import monailabel, refusal
from segkit_serve.corrections import Corrections
from segkit_serve.desk import Desk
from segkit_serve.guard import Access, Guard
from segkit_serve.openapi import docs, openapi
from segkit_serve.routes import ROUTES

STATIC = Path(__file__).parent / "static"
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
FILES = {path.name: path for path in sorted(STATIC.iterdir()) if path.suffix in KINDS}
"""The page's own files; what is asked for by another name is not looked for."""


ADDRESSES = [Route("/docs", docs), Route("/openapi.json", openapi)]


async def page(request: Request) -> Response:
    """The page."""
    return FileResponse(FILES["index.html"], media_type=KINDS[".html"])


async def static(request: Request) -> Response:
    """A file of the page."""
    path = FILES.get(request.path_params["name"])
    if path is None:
        return await refusal.not_found(request, HTTPException(404))
    return FileResponse(path, media_type=KINDS[path.suffix])


def make_app(desk: Desk, access: Access, kept: Corrections | None = None) -> ASGIApp:
    """Return the application; its workers end with it."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            desk.end()

    app = Starlette(
        routes=[Route("/", page), Route("/static/{name}", static), *ADDRESSES, *ROUTES, *monailabel.ROUTES],
        lifespan=lifespan,
        exception_handlers={
            refusal.RefusedError: refusal.told,
            SegkitError: refusal.told,
            OSError: refusal.told,
            HTTPException: refusal.not_found,
            Exception: refusal.unforeseen,
        },
    )
    app.state.desk = desk
    app.state.corrections = kept
    app.state.monai_images = {}
    most = max((len(model["classes"]) for model in desk.models), default=0)
    app.state.colours = [list(colour(label)) for label in range(1, most + 1)]
    return Guard(app, access, desk.limits)

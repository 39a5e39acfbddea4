"""What a client is told where it cannot have what it asked for: a status and one sentence with the way out."""

from __future__ import annotations

import errno

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from segkit import SegkitError
from segkit.errors import one_line

FULL = (errno.ENOSPC, errno.EDQUOT)


class RefusedError(Exception):
    """A request that is not carried out.

    Args:
        status: of HTTP.
        message: what is wrong.
        hint: the way out.

    `more` is what a program needs to go on, such as the version that it has not seen.
    """

    def __init__(self, status: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = one_line(message)
        self.hint = one_line(hint)
        self.more: dict[str, int] = {}

    def response(self) -> Response:
        """Return it as JSON, which is all that a client gets to see."""
        headers = {"Retry-After": "2"} if self.status == 503 else {}
        # What is left of a body that nobody reads any more would be taken for the next request.
        headers |= {"Connection": "close"} if self.status in (408, 413) else {}
        return JSONResponse({"error": self.message, "hint": self.hint, **self.more}, self.status, headers)


def disk_of(error: BaseException) -> OSError | None:
    """Return the refusal of a disk that an error was made of; None where it is of something else."""
    found: BaseException | None = error
    seen: set[int] = set()
    # What is raised again within the handling of what it caused is its own context: a damaged JPEG turned in a circle.
    while found is not None and id(found) not in seen:
        if isinstance(found, OSError) and found.errno in FULL:
            return found
        seen.add(id(found))
        found = found.__cause__ or found.__context__
    return None


def by_segkit(error: SegkitError) -> RefusedError:
    """Return what segkit says of an image or a setting as the refusal of a request."""
    return RefusedError(422, error.message, error.hint)


def by_disk(error: OSError) -> RefusedError:
    """Return the refusal of a request for which the server's disk has no place."""
    if error.errno in FULL:
        return RefusedError(507, "the server's disk is full", "nothing was saved: free some space there, and try again")
    return RefusedError(500, f"the server cannot write ({error.strerror or type(error).__name__})", "tell who runs it")


async def told(request: Request, error: Exception) -> Response:
    """Turn what a route raised into the answer."""
    if isinstance(error, SegkitError):
        error = disk_of(error) or by_segkit(error)  # whose hint is of the command line
    if isinstance(error, OSError):
        error = by_disk(error)
    assert isinstance(error, RefusedError)
    return error.response()


async def not_found(request: Request, error: Exception) -> Response:
    """Answer a request for a page that is not there, or by a method that it does not take."""
    status = getattr(error, "status_code", 404)
    if status == 404:
        return RefusedError(404, "there is nothing at this address", "see /docs").response()
    if status == 405:
        return RefusedError(405, f"this address takes no {request.method}", "see /docs").response()
    detail = str(getattr(error, "detail", "")) or "the request cannot be read"
    return RefusedError(status, detail, "see /docs").response()


async def unforeseen(request: Request, error: Exception) -> Response:
    """Answer where the server itself is at fault."""
    return RefusedError(500, "the server has failed at this request", "tell who runs it").response()

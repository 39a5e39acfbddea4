"""Who may ask, and how much: the token, the address that was typed, the size of a body and the time it takes."""

from __future__ import annotations

import asyncio
import hmac
import time
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segkit_serve.limits import Limits
from segkit_serve.refusal import RefusedError

OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")
SAFE = ("GET", "HEAD", "OPTIONS")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "worker-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""No script, style or connection but the server's own: what a file's name smuggles into a page runs nowhere."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
MONAI = "/monai/"


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Attributes:
        token: that every request has to have.
        port: part of the cookie's name, for cookies are shared by all ports of a host.
        loopback: whether the server listens on this machine alone; the address that was typed is then one of its own.
        origins: pages of other servers that may ask, such as an OHIF viewer's.
    """

    token: str
    port: int
    loopback: bool = True
    origins: tuple[str, ...] = ()

    @property
    def cookie(self) -> str:
        """The cookie's name."""
        return f"segkit-{self.port}"

    def is_token(self, text: str) -> bool:
        """Whether a text is the token; as long for any text."""
        return hmac.compare_digest(text.encode("utf-8", "replace"), self.token.encode())


class Guard:
    """The server's door: every request passes it before anything looks at it."""

    def __init__(self, app: ASGIApp, access: Access, limits: Limits) -> None:
        self.app = app
        self.access = access
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        answer = self.headed(send, headers.get("origin", ""))
        try:
            self.check_address(headers)
            if scope["method"] == "OPTIONS" and headers.get("origin") in self.access.origins:
                await Response(status_code=204)(scope, receive, answer)
                return
            if await self.enter(scope, headers, receive, answer):
                return
            await self.app(scope, Body(receive, headers, self.limits), answer)
        except RefusedError as refusal:
            await refusal.response()(scope, receive, answer)

    def headed(self, send: Send, origin: str) -> Send:
        """Return `send` with what every answer says to browsers."""
        allowed = origin if origin in self.access.origins else ""

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = {name.lower() for name, _ in message["headers"]}
                more = {name: value for name, value in HEADERS.items() if name.lower().encode() not in known}
                if allowed:
                    more |= {
                        "Access-Control-Allow-Origin": allowed,
                        "Access-Control-Allow-Headers": "authorization, content-type",
                        "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
                        "Cross-Origin-Resource-Policy": "cross-origin",
                        "Vary": "Origin",
                    }
                message["headers"] = [
                    *message["headers"],
                    *((name.encode(), value.encode()) for name, value in more.items()),
                ]
            await send(message)

        return answer

    def check_address(self, headers: Headers) -> None:
        """Raise RefusedError where a page of another server asks, or one whose name was made to point here."""
        host = headers.get("host", "")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if self.access.loopback and name.lower() not in OWN_NAMES:
            raise RefusedError(421, "this server is asked as 127.0.0.1 or localhost alone", "type what was printed")
        origin = headers.get("origin")
        if origin and origin not in self.access.origins and origin.partition("://")[2] != host:
            raise RefusedError(403, "a page of another server may not ask this one", "see --allow-origin")

    async def enter(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> bool:
        """Let a request with the token in; returns whether it has been answered, by sending it to where it may enter.

        Raises:
            RefusedError: it has none.
        """
        access, query = self.access, parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = next((value for name, value in query if name == "token"), None)
        if scope["path"].startswith(MONAI):
            # MONAI Label's clients know an address and no token: it is the first part of theirs.
            first, _, rest = scope["path"][len(MONAI) :].partition("/")
            if access.is_token(first):
                scope["path"] = MONAI + rest
                scope["raw_path"] = scope["path"].encode()
                return False
        if given is not None and access.is_token(given):
            if scope["path"] != "/" or scope["method"] != "GET":
                return False
            rest = urlencode([(name, value) for name, value in query if name != "token"])
            response = RedirectResponse(f"/?{rest}" if rest else "/", 303)
            response.set_cookie(access.cookie, access.token, httponly=True, samesite="strict", path="/")
            await response(scope, receive, send)
            return True
        bearer = headers.get("authorization", "").partition(" ")[2]
        if access.is_token(bearer) or access.is_token(cookie_of(headers, access.cookie)):
            return False
        raise RefusedError(401, "this server asks for its token", "open the address that segkit serve has printed")


def cookie_of(headers: Headers, name: str) -> str:
    """Return a cookie's value, "" where there is none."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found is not None else ""


class Body:
    """A request's body as it comes in, refused once it is too long, too slow or broken off."""

    def __init__(self, receive: Receive, headers: Headers, limits: Limits) -> None:
        self.receive = receive
        self.limits = limits
        self.left = limits.upload
        self.end = time.monotonic() + limits.receive
        self.complete = False
        try:
            length = int(headers.get("content-length", "0"))
        except ValueError:
            length = 0
        if length > limits.upload:
            raise self.too_long()

    def too_long(self) -> RefusedError:
        """Describe a body that is longer than the server takes."""
        return RefusedError(
            413, f"the request is longer than {self.limits.upload >> 20:,} MiB", "send less, or start with --max-upload"
        )

    async def __call__(self) -> Message:
        """Receive the next part."""
        if self.complete:  # what comes now is that the client has gone
            return await self.receive()
        wait = min(self.limits.silence, self.end - time.monotonic())
        try:
            message = await asyncio.wait_for(self.receive(), max(wait, 0))
        except TimeoutError:
            raise RefusedError(408, "the request did not come to its end in time", "send it again") from None
        self.left -= len(message.get("body", b""))
        if self.left < 0:
            raise self.too_long()
        self.complete = not message.get("more_body", False)
        return message

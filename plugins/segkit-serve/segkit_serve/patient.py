"""HTTP as uvicorn speaks it, to clients that may be slow, wrong or many: each is told in a sentence, and hung up on."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from segkit_serve.guard import HEADERS
from segkit_serve.refusal import RefusedError

CONNECTIONS = 512
"""Clients that are connected at once; who comes later is told so."""


class Patient(H11Protocol):
    """A connection whose requests have heads that come within some seconds, and are requests.

    uvicorn itself waits for a head without an end, and tells what is none in plain text.
    """

    silence = 10.0
    _waiting: asyncio.TimerHandle | None = None
    _last: Any = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request's head."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            self.app = too_many
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Read what has come; where it ends within the head of a request, begin to wait for the rest."""
        super().data_received(data)
        self._wait_for_rest()

    def on_response_complete(self) -> None:
        """Go on with what came meanwhile."""
        super().on_response_complete()
        self._wait_for_rest()

    def _wait_for_rest(self) -> None:
        if self._head_begun() and (self._waiting is None or self._last is not self.cycle):
            self._unset_keepalive_if_required()  # which would hang up without a word
            self._wait()

    def _head_begun(self) -> bool:
        """Whether a part of a request's head is there."""
        return self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])

    def _wait(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        self._last = self.cycle
        self._waiting = asyncio.get_running_loop().call_later(self.silence, self.give_up)

    def give_up(self) -> None:
        """Hang up where no request has begun since the last one."""
        self._waiting = None
        if self.cycle is not self._last or self.transport.is_closing():
            return
        if self._head_begun():
            self.refuse(RefusedError(408, "the request did not come to its end in time", "send it again"))
        elif self.cycle is None:  # after a request uvicorn itself lets go of who says nothing more
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Tell that this is no request, in uvicorn's place."""
        self.refuse(RefusedError(400, "this is no request of HTTP that can be read", "see /docs"))

    def refuse(self, error: RefusedError) -> None:
        """Answer what never came to the application, and hang up."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):  # else an answer is under way already
            answer = last_word(error)
            events = (
                h11.Response(status_code=answer.status_code, headers=answer.raw_headers),
                h11.Data(data=bytes(answer.body)),
                h11.EndOfMessage(),
            )
            for event in events:
                self.transport.write(self.conn.send(event) or b"")
        if self.cycle is not None:  # whatever works at the request is told that its client has gone
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()


def last_word(error: RefusedError) -> Response:
    """Return the answer to who is hung up on, which does not pass the guard."""
    answer = error.response()
    answer.headers.update({**HEADERS, "Connection": "close"})
    return answer


async def too_many(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer who comes when there are too many already."""
    error = RefusedError(503, f"more than {CONNECTIONS} clients are connected", "try again in a moment")
    await last_word(error)(scope, receive, send)

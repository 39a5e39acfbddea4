"""How much a server takes on before it says no."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20
HOUR = 3600.0


@dataclass(frozen=True)
class Limits:
    """Bounds of a server; what goes beyond one of them is refused in a sentence.

    Attributes:
        upload: bytes of one request, all of its files together.
        files: of one upload, such as the slices of a series.
        receive: seconds that the whole of an upload may take.
        silence: seconds that a client may be silent in the middle of a request.
        photograph, volume: seconds that one image of the kind may take, and an explanation as long as a volume.
        waiting: images that wait or are worked at, all clients together.
        cases: images whose results are held for the page; the oldest go first.
        held: bytes of disk of them all together.
        age: seconds after which nobody's image is held any longer.
    """

    upload: int = 512 * MIB
    files: int = 2000
    receive: float = 300.0
    silence: float = 10.0
    photograph: float = 30.0
    volume: float = 900.0
    waiting: int = 32
    cases: int = 64
    held: int = 4096 * MIB
    age: float = HOUR

"""Numbers in addresses: of few digits, for Python refuses to read one of thousands, and no file has such a name."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class Number(Convertor[int]):
    """A number of an address; what is none leads nowhere, as any other address that is not there."""

    regex = "[0-9]{1,9}"

    def convert(self, value: str) -> int:
        """Return what is written."""
        return int(value)

    def to_string(self, value: int) -> str:
        """Write it."""
        return str(value)


def register() -> None:
    """Let routes have `{name:number}`."""
    register_url_convertor("number", Number())

"""Files that clients send: counted while they come in, stored under names of the server's own."""

from __future__ import annotations

import re
import shutil
import zlib
from collections.abc import Sequence
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from segkit_serve.cases import Cases, HeldCase, digest_of
from segkit_serve.refusal import RefusedError
from segkit_serve.removing import remove_folder

CHANNEL = re.compile(r"_(\d{4})$")
"""How the files of a volume's channels end, before their suffix."""
UNSAFE = re.compile(r"[^A-Za-z0-9]+")
LONGEST_STEM = 80
FIELD = 1 << 16
"""Bytes of a field of a form that is no file."""
SERIES = (".dcm", ".ima", "")


def broken_off() -> RefusedError:
    """The refusal of a request whose client has gone."""
    return RefusedError(400, "the request was broken off", "send it again")


async def read_form(request: Request, most_files: int) -> FormData:
    """Read a form with files, which are spooled without a name.

    Raises:
        RefusedError: it is none, or is broken off.
    """
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise RefusedError(415, "the request is no form with a file", "send it as multipart/form-data, as curl -F does")
    try:
        return await request.form(max_files=most_files, max_fields=16, max_part_size=FIELD)
    except HTTPException as error:
        raise RefusedError(400, f"the form cannot be read ({error.detail})", "send it again") from None
    except ClientDisconnect:
        raise broken_off() from None
    except (UnicodeError, ValueError, KeyError) as error:  # of a form's headers, which may hold anything
        raise RefusedError(400, f"the form cannot be read ({type(error).__name__})", "send it again") from None


async def read_body(request: Request, most: int, hint: str) -> bytes:
    """Read a body that is no form.

    Args:
        most: bytes that it may have; no more than that is ever held.
        hint: the way out where it has more.

    Raises:
        RefusedError: it has more, or is broken off.
    """
    data = bytearray()
    try:
        async for part in request.stream():
            data += part
            if len(data) > most:
                raise RefusedError(413, f"the request is longer than the {most:,} bytes that fit here", hint)
    except ClientDisconnect:
        raise broken_off() from None
    return bytes(data)


def files_of(form: FormData, name: str = "file") -> list[UploadFile]:
    """Return the files of a form; raises RefusedError where there is none."""
    found = [value for value in form.getlist(name) if isinstance(value, UploadFile)]
    if not found:
        raise RefusedError(400, f"the form has no file called {name!r}", f"send it as curl -F {name}=@photo.jpg does")
    return found


def store(cases: Cases, files: Sequence[UploadFile], suffixes: Sequence[str]) -> HeldCase:
    """Store what was sent as a new case.

    Args:
        suffixes: of the files that the models read; what comes with another one is stored without, and refused by the
            reader in its words.
    """
    id, folder = cases.new_folder()
    try:
        names = [str(file.filename or "image") for file in files]
        ends = [suffix_of(name, suffixes) for name in names]
        series = len(files) > 1 and all(end in SERIES for end in ends)
        place = folder / "series" if series else folder
        place.mkdir(exist_ok=True)
        paths = []
        for number, (file, name, end) in enumerate(zip(files, names, ends, strict=True)):
            path = place / stored_name(
                number, name, SERIES[0] if series else end, several=len(files) > 1 and not series
            )
            if path.exists():
                raise RefusedError(400, "two of the files are the same channel", "send each channel once")
            with path.open("xb") as stream:
                shutil.copyfileobj(file.file, stream, 1 << 20)
            paths.append(path)
        case = HeldCase(
            id,
            folder,
            name=shown(names[0]) if len(names) == 1 else f"{shown(names[0])} and {len(names) - 1} more",
            stem=stem_of(names[0], ends[0]),
            files=sorted(paths),
            digest=digest_of(paths),
            bytes=sum(path.stat().st_size for path in paths),
            series=place if series else None,
        )
    except BaseException:
        remove_folder(folder)
        raise
    cases.add(case)
    return case


def suffix_of(name: str, suffixes: Sequence[str]) -> str:
    """Return which of the known suffixes a name ends in, the longest that fits, "" for none."""
    lowered = name.lower()
    return max((suffix for suffix in suffixes if lowered.endswith(suffix)), key=len, default="")


def stored_name(number: int, name: str, end: str, *, several: bool) -> str:
    """Return what a file is stored as; of what a client called it the suffix and a channel's number are left."""
    channel = CHANNEL.search(name[: len(name) - len(end)] if end else name)
    if several:
        return f"upload_{channel[1] if channel else f'{number:04d}'}{end}"
    return f"upload{number:05d}{end}"


def stem_of(name: str, end: str) -> str:
    """Return a name for files that are handed back, of plain letters; never empty, never with a dot or a slash."""
    last = re.split(r"[/\\]", name)[-1]
    plain = UNSAFE.sub("-", CHANNEL.sub("", last[: len(last) - len(end)] if end else last)).strip("-")
    return plain[:LONGEST_STEM].strip("-") or "image"


def shown(name: str) -> str:
    """Return what a client called a file as a line of text of bounded length."""
    last = re.split(r"[/\\]", name)[-1]
    text = "".join(sign if sign.isprintable() else "?" for sign in last)
    return text if len(text) <= LONGEST_STEM else f"{text[:LONGEST_STEM]}…"


def small_json(form: FormData, name: str) -> dict[str, Any]:
    """Return a field of a form that holds JSON; raises RefusedError where it is none."""
    from segkit.files import parse_json

    text = form.get(name) or "{}"
    try:
        found = parse_json(str(text).encode())
    except (ValueError, RecursionError, zlib.error):
        found = None
    if not isinstance(found, dict):
        raise RefusedError(400, f"the field {name!r} is no JSON object", "leave it out, or send {}")
    return found

"""Hypothesis strategies that spoil valid files: bytes, PNG chunks with checksums mended, JSON values, TOML lines."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

LENGTHS = (0, 1, 2, 7, 8, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
NUMBERS = st.one_of(
    st.integers(-3, 3), st.integers(), st.sampled_from((2**31, 2**63, 2**64, 10**400, 1e308)), st.floats()
)
JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=12)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=6,
)
TOML_VALUES = st.one_of(
    st.integers(-3, 300).map(str),
    st.integers().map(str),
    st.floats().map(repr),
    st.text(max_size=12).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.sampled_from(
        (
            "true", "[]", "[1, 2]", "[[1], 2]", '["a", "b"]', "{}", "{a = {b = 1}}", "1979-05-27", "07:32:00", "inf",
            "nan", "'none'", '"auto"', '"12x"', "0x10", "1e400", '"\\u0000"', '"' + "x" * 5000 + '"', "1" * 5000,
            "[" * 400 + "]" * 400,
        )
    ),
)  # fmt: skip


@st.composite
def spoiled_bytes(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds with one to five changes: bits, runs, lengths, cuts, copies, pieces of another seed."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(0, max(len(data) - 1, 0)))
        # The first bytes of a file decide most: half of the changes go there.
        place = place % 64 if draw(st.booleans()) else place
        kind = draw(st.sampled_from(("flip", "byte", "run", "number", "cut", "drop", "repeat", "splice")))
        if kind == "flip" and data:
            data[place % len(data)] ^= 1 << draw(st.integers(0, 7))
        elif kind == "byte" and data:
            data[place % len(data)] = draw(st.integers(0, 255))
        elif kind == "run":
            data[place:place] = draw(st.binary(min_size=1, max_size=40))
        elif kind == "number":
            packed = struct.pack(draw(st.sampled_from("<>")) + "Q", draw(st.sampled_from(LENGTHS)))
            data[place : place + 4] = draw(st.sampled_from((packed[:4], packed[4:], packed)))
        elif kind == "cut":
            del data[place:]
        elif kind == "drop":
            del data[place : place + draw(st.integers(1, 200))]
        elif kind == "repeat":
            data[place:place] = data[place : place + draw(st.integers(1, 200))] * draw(st.integers(1, 4))
        elif kind == "splice":
            other = draw(st.sampled_from(seeds))
            data[place:] = other[draw(st.integers(0, len(other))) :]
    return bytes(data)


@st.composite
def spoiled_image(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """A spoiled image; of PNGs, half have their chunks' checksums mended, so that what is inside is looked at."""
    data = draw(spoiled_bytes(seeds))
    return mended_png(data) if data.startswith(b"\x89PNG\r\n\x1a\n") and draw(st.booleans()) else data


def mended_png(data: bytes) -> bytes:
    """Write the right checksum behind every chunk whose length fits."""
    parts, place = [data[:8]], 8
    while place + 12 <= len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        end = place + 8 + length
        if end + 4 > len(data):
            break
        parts += [data[place:end], struct.pack(">I", zlib.crc32(data[place + 4 : end]))]
        place = end + 4
    return b"".join([*parts, data[place:]])


@st.composite
def spoiled_json(draw: st.DrawFn, value: Any) -> str:
    """The value with one to three of its parts replaced, removed or added to, as JSON; sometimes not even that."""
    spoiled = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(1, 3))):
        spoiled = draw(changed(spoiled))
    text = json.dumps(spoiled)
    shape = draw(st.sampled_from(("whole", "whole", "whole", "cut", "nested", "digits")))
    if shape == "cut":
        return text[: draw(st.integers(0, len(text)))]
    if shape == "nested":
        return "[" * 100_000 + "]" * 100_000
    return "1" * 5000 if shape == "digits" else text


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """The value with one part of it, at any depth, changed."""
    inside = value and isinstance(value, (dict, list)) and draw(st.integers(0, 5))
    if not inside:
        return draw(JSON_VALUES)
    copy = dict(value) if isinstance(value, dict) else list(value)
    key = draw(st.sampled_from(sorted(copy) if isinstance(copy, dict) else range(len(copy))))
    if draw(st.integers(0, 4)) == 0:
        del copy[key]
    else:
        copy[key] = draw(changed(copy[key]))
    return copy


@st.composite
def spoiled_toml(draw: st.DrawFn, text: str) -> bytes:
    """A config file with one to four lines changed, doubled, removed, moved or made up; or spoiled as bytes."""
    if draw(st.integers(0, 5)) == 0:
        return draw(spoiled_bytes((text.encode(),)))
    lines = text.splitlines()
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.sampled_from(("value", "value", "value", "key", "double", "remove", "move", "section", "new")))
        key, equals, value = lines[place].partition("=")
        if kind == "value" and equals:
            lines[place] = f"{key}= {draw(TOML_VALUES)}"
        elif kind == "key" and equals:
            spoiled = draw(spoiled_word(key.strip()))
            lines[place] = f"{spoiled} ={value}"
        elif kind == "double":
            lines.insert(place, lines[place])
        elif kind == "remove" and len(lines) > 1:
            del lines[place]
        elif kind == "move":
            lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(place))
        elif kind == "section":
            lines.insert(place, f"[{draw(spoiled_word('train'))}]")
        elif kind == "new":
            lines.insert(
                place, f"{draw(st.sampled_from(('epochs', 'width', 'a.b', 'size', 'x')))} = {draw(TOML_VALUES)}"
            )
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def spoiled_word(word: str) -> st.SearchStrategy[str]:
    """A word with a letter more, less or other."""

    def spoil(place: int, letter: str, drop: int) -> str:
        place %= len(word) + 1
        return word[:place] + letter + word[place + drop :]

    return st.builds(spoil, st.integers(0, 40), st.text(max_size=1), st.integers(0, 1))


@st.composite
def spoiled_weights(draw: st.DrawFn, seed: bytes, rewrite: Callable[[bytes, str], bytes], header: Any) -> bytes:
    """A safetensors file, spoiled as bytes, or with its JSON key spoiled and everything around it whole."""
    if draw(st.booleans()):
        return draw(spoiled_bytes((seed,)))
    return rewrite(seed, draw(spoiled_json(header)))

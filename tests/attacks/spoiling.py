"""Ways to spoil a file, by dice: values of JSON and TOML, cells, lines, bytes, and what is no file at all."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        2**31,
        2**63,
        10**400,
        1.5,
        1e308,
        float("nan"),
        float("inf"),
        "",
        "x",
        "../../outside/canary",
    ),
    *("<script>document.title='run'</script>", "\x1b[2J\x1b]0;title\x07", "a\nb", "\ud800", "\0", "x" * 200_000),
    *("$\\frac{", "=HYPERLINK(1)", "C:\\windows", [], {}, [[]], ["x"], {"a": 1}, [None] * 3, {"": {"": {}}}),
)
TEXTS: tuple[bytes, ...] = (
    *(b"", b"\0", b"\xff\xfe{\0", b"\xef\xbb\xbf", b"[" * 100_000, b"{", b"null", b"[]", b"1" * 5000, b'{"a": NaN}'),
    *(b'{"a": 1, "a": 2}', b"a = ", b"[a]\n[a]\n", b"\x80\x81", b"a,b\n1\n", b'"' * 50_001, b"\r" * 1000, b"\n" * 1000),
)


def changed(value: Any, dice: random.Random) -> Any:
    """Return a JSON value with one part of it, at any depth, replaced, taken out or doubled."""
    if not isinstance(value, (dict, list)) or not value or dice.random() < 0.15:
        return dice.choice(VALUES)
    copy = dict(value) if isinstance(value, dict) else list(value)
    key = dice.choice(sorted(copy)) if isinstance(copy, dict) else dice.randrange(len(copy))
    kind = dice.random()
    if kind < 0.15:
        del copy[key]
    elif kind < 0.25 and isinstance(copy, dict):
        copy[str(dice.choice(VALUES[10:20]))] = copy.pop(key)
    else:
        copy[key] = changed(copy[key], dice)
    return copy


def spoil_json(path: Path, dice: random.Random) -> None:
    """Change a value of a JSON file, or of one line of several."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.suffix == ".jsonl" else [path.read_text("utf-8")]
    place = dice.randrange(len(lines))
    lines[place] = json.dumps(changed(json.loads(lines[place]), dice))
    path.write_text("\n".join(lines), encoding="utf-8", errors="surrogatepass")


def spoil_text(path: Path, dice: random.Random) -> None:
    """Change a cell or a value of a line, or move, double, cut or drop the line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    place, separator = dice.randrange(len(lines)), "," if path.suffix == ".csv" else "="
    cells = lines[place].split(separator)
    cells[dice.randrange(len(cells))] = str(dice.choice(VALUES))[:3000]
    kind = dice.randrange(6)
    if kind < 3:
        lines[place] = separator.join(cells)
    elif kind == 3:
        lines.insert(dice.randrange(len(lines)), lines[place])
    elif kind == 4:
        lines[place] = lines[place][: dice.randrange(len(lines[place]) + 1)]
    else:
        del lines[place]
    path.write_text("\n".join(lines), encoding="utf-8", errors="surrogatepass")


def spoil_bytes(path: Path, dice: random.Random) -> None:
    """Put other contents in the place of the file's, or cut or flip them."""
    data = bytearray(path.read_bytes())
    kind = dice.randrange(3)
    if kind == 0 or not data:
        path.write_bytes(dice.choice(TEXTS))
    elif kind == 1:
        path.write_bytes(data[: dice.randrange(len(data))])
    else:
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        path.write_bytes(data)


def another_kind(path: Path, dice: random.Random) -> None:
    """Put a folder, a pipe, a link to the canary, to nothing or to itself, or a huge file in the place of a file."""
    path.unlink()
    kind = dice.randrange(6)
    if kind == 0:
        path.mkdir()
    elif kind == 1:
        os.mkfifo(path)
    elif kind == 5:
        with path.open("wb") as stream:
            stream.truncate(300_000_000)
    else:
        home = next((folder for folder in path.parents if (folder / "outside").is_dir()), path.parent)
        path.symlink_to({2: home / "outside" / "canary", 3: "nothing", 4: path.name}[kind])

"""Run directories as a stranger may send them: a right one with some of its files spoiled, by a seed."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
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
FILES = ("summary.json", "environment.json", "cases.csv", "history.jsonl", "config.toml", "profile.json")
INDEX = "explanations/index.json"


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
        path.symlink_to({2: path.parents[1] / "outside" / "canary", 3: "nothing", 4: path.name}[kind])


def linked_folder(run: Path, dice: random.Random) -> None:
    """Put a link that leads out in the place of one of the run's folders, or of a figure or a page."""
    place = run / dice.choice(("figures", "explanations", "predictions", "report.html", ".lock"))
    if place.is_symlink():
        return
    if place.is_dir():
        shutil.rmtree(place)
    place.symlink_to(run.parent / "outside" / ("" if "." not in place.name else "canary"))


def named_panel(run: Path, dice: random.Random) -> None:
    """Have the index of explanations name a file elsewhere."""
    if not (run / INDEX).is_file():  # a pipe by now, perhaps
        return
    content = json.loads((run / INDEX).read_text(encoding="utf-8"))
    outside = run.parent / "outside" / "canary"
    names = (
        str(outside),
        "../../outside/canary",
        "..\\..\\outside\\canary",
        "link.png",
        ".",
        "",
        "a/../../../outside/canary",
    )
    if not (run / "explanations" / "link.png").is_symlink():
        (run / "explanations" / "link.png").symlink_to(outside)
    content["explained"][0]["panel"] = dice.choice(names)
    (run / INDEX).write_text(json.dumps(content), encoding="utf-8")


def attack(run: Path, seed: int) -> None:
    """Spoil a run directory in one to three ways."""
    dice = random.Random(seed)
    for _ in range(dice.randint(1, 3)):
        try:
            if dice.random() < 0.12:
                linked_folder(run, dice) if dice.random() < 0.5 else named_panel(run, dice)
                continue
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            continue  # spoiled before, so that there is nothing left to change
        path = run / dice.choice((*FILES, INDEX))
        if path.is_symlink() or not path.is_file() or path.stat().st_size > 10**6:
            continue
        ways: list[Callable[[Path, random.Random], None]] = [spoil_bytes, another_kind]
        ways += [spoil_json if path.suffix.startswith(".json") else spoil_text] * 6
        try:
            dice.choice(ways)(path, dice)
        except (ValueError, LookupError, RecursionError):
            continue  # spoiled before

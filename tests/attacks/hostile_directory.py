"""Run directories as a stranger may send them: a right one with some of its files spoiled, by a seed."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from spoiling import another_kind, spoil_bytes, spoil_json, spoil_text

FILES = ("summary.json", "environment.json", "cases.csv", "history.jsonl", "config.toml", "profile.json")
INDEX = "explanations/index.json"


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

"""Comparison directories that somebody sent, with the runs in them; and the list of runs above them."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

from siege import Attack, works
from spoiling import VALUES, another_kind, spoil_bytes, spoil_json, spoil_text

COMMANDS = (
    (("report", "compared"), ("compared",)),
    (("report", "compared", "--anonymous"), ("compared",)),
    (("runs", "compared", "--json"), ()),
    (("runs", "."), ()),
    (("compare", "compared", "--output", "out"), ("out",)),
    (("compare", "compared/runs/one", "compared/runs/two", "--output", "out", "--anonymous"), ("out",)),
)
WEIGHTS = (5, 2, 3, 2, 1, 2)
FILES = ("summary.json", "environment.json", "cases.csv", "history.jsonl", "config.toml")
OUTSIDE = ("../outside", "../../outside/canary", "/etc", "one/../../..", "..\\..\\outside", "", ".", "\x1b[2J", "x\ny")


class Comparisons:
    """Attacks by comparison directories."""

    name = "comparisons"

    def __init__(self, works: Path) -> None:
        self.works = works

    def prepare(self, place: Path) -> None:
        """Keep what a reader needs of a right one, without pictures."""
        whole = self.works / "compared"
        self.base = place / "compared"
        runs = sorted((whole / "runs").iterdir())
        names = dict(zip((run.name for run in runs), ("one", "two"), strict=True))
        for run in runs:
            (self.base / "runs" / names[run.name]).mkdir(parents=True)
            for name in FILES:
                shutil.copy(run / name, self.base / "runs" / names[run.name])
        record = json.loads((whole / "comparison.json").read_text(encoding="utf-8"))
        for model in record["models"]:
            model["runs"] = [names[name] for name in model["runs"]]
        (self.base / "comparison.json").write_text(json.dumps(record), encoding="utf-8")

    def draw(self, home: Path, seed: int) -> Attack:
        """Spoil one or two of its files."""
        dice = random.Random(seed)
        shutil.copytree(self.base, home / "compared")
        args, writes = dice.choices(COMMANDS, WEIGHTS)[0]
        if dice.random() < 0.04:
            found = works(home, "compared/comparison.json" if writes != ("out",) else "out/report.html")
            return Attack(args, found, writes)
        for _ in range(dice.choice((1, 1, 2))):
            self.spoil(home / "compared", dice)
        return Attack(args, None, writes)

    def spoil(self, folder: Path, dice: random.Random) -> None:
        """Spoil the record, a file of a run, or put a link in the place of a folder."""
        kind = dice.random()
        record = folder / "comparison.json"
        try:
            if kind < 0.25:
                spoil_json(record, dice)
            elif kind < 0.4:
                content = json.loads(record.read_text(encoding="utf-8"))
                model = dice.choice(content["models"])
                model[dice.choice(("runs", "label"))] = dice.choice(([dice.choice(OUTSIDE)], *VALUES[:20]))
                record.write_text(json.dumps(content), encoding="utf-8")
            elif kind < 0.5:
                place = folder / dice.choice(("figures", "report.html", "cases.csv", "results.csv", "runs", ".lock"))
                if place.is_dir() and not place.is_symlink():
                    shutil.rmtree(place)
                place.unlink(missing_ok=True)
                place.symlink_to(folder.parent / "outside" / ("canary" if "." in place.name[1:] else ""))
            else:
                path = folder / "runs" / dice.choice(("one", "two")) / dice.choice(FILES)
                ways = [spoil_bytes, another_kind, *[spoil_json if ".json" in path.suffix else spoil_text] * 6]
                dice.choice(ways)(path, dice)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return  # spoiled before

"""Config files of strangers, of a new run and of one that is resumed; where training would begin, all ends."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from siege import Attack
from spoiling import TEXTS, VALUES, another_kind, spoil_bytes, spoil_text

import segkit.jobs.run

ROOT = ("--set", "data.root=squares")
NEW = ("run", "--config", "given/config.toml", "--output", "out")
RESUMED = ("run", "--resume", "stopped")
LINES = (
    *("epochs = [1]", "epochs = -1", "epochs = 1e400", "epochs = nan", "batch_size = 0", "size = [0, 0]", "seed = -1"),
    *("size = [1000000000, 1000000000]", "size = []", "size = 'x'", "learning_rate = inf", "workers = 99999999"),
    *('arch = "--index-url=http://x/"', 'arch = "\\u001b]0;title\\u0007"', 'arch = ""', 'loss = "net * net * 7"'),
    *('root = "../outside"', 'root = "/proc/self"', 'output = "../outside"', 'name = "../../outside/canary"'),
    *(
        'name = "\\u001b[2J"',
        'name = "a\\nb"',
        'cases = ["\\u202e"]',
        "[data]",
        "[[train]]",
        "[a.b.c.d]",
        "x = 1979-05-27",
    ),
    *(
        'device = "cuda:99999"',
        'device = "\\u0007"',
        'metrics = ["overlap", "overlap"]',
        "metrics = [1]",
        "metrics = []",
    ),
    *('explainers = [""]', "rotation = 1e308", "flip = 2", "threads = 100000000", 'classes = "../outside/canary"'),
    *(
        "cases = 100000000000000000000",
        "width = 64",
        "width = 1_000_000",
        'preset = "x"',
        'format = "1"',
        "format = 99",
    ),
)


def stop(plan: object, *_: object, **__: object) -> None:
    """Take the place of the training."""
    raise SystemExit(0)


class Configs:
    """Attacks by config files."""

    name = "configs"

    def __init__(self, works: Path) -> None:
        self.works = works

    def prepare(self, place: Path) -> None:
        """Keep a right file, and a run that stopped."""
        self.whole = (self.works / "run" / "config.toml").read_text(encoding="utf-8")
        self.data = min((self.works / "cache" / "samples").glob("squares-*"))
        self.stopped = place / "stopped"
        self.stopped.mkdir()
        for name in ("config.toml", "environment.json"):
            shutil.copy(self.works / "run" / name, self.stopped)

    def draw(self, home: Path, seed: int) -> Attack:
        """Spoil lines of it, or all."""
        segkit.jobs.run.run_job = stop  # attacks are drawn in a fork: the tests' own process goes on training
        dice = random.Random(seed)
        (home / "squares").symlink_to(self.data)
        resumed = dice.random() < 0.3
        path = home / ("stopped" if resumed else "given") / "config.toml"
        shutil.copytree(self.stopped, path.parent)
        args = RESUMED if resumed else NEW
        args = args if dice.random() < 0.2 else (*args, *(() if resumed else ROOT))
        if dice.random() < 0.04:
            return Attack(args, lambda code: f"code {code}" if code else "", ("out", "stopped"))
        for _ in range(dice.choice((1, 1, 1, 2, 3))):
            self.spoil(path, dice)
        return Attack(args, None, ("out", "stopped"))

    @staticmethod
    def spoil(path: Path, dice: random.Random) -> None:
        """Change, add or double lines; or bytes; or the file as such."""
        kind = dice.random()
        if not path.is_file():
            return  # spoiled before: reading a pipe would wait for ever
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
            if kind < 0.5:
                line = dice.choice(LINES)
                own = [place for place, found in enumerate(lines) if found.split("=")[0].strip() == line.split()[0]]
                place = dice.choice(own) if own else dice.randrange(len(lines))
                lines[place : place + bool(own)] = [line]
                path.write_text("\n".join(lines), encoding="utf-8")
            elif kind < 0.85:
                spoil_text(path, dice)
            elif kind < 0.9:
                path.write_bytes(dice.choice(TEXTS))
            elif kind < 0.95:
                key = dice.choice(lines).split("=")[0]
                path.write_text("\n".join([*lines, f"{key}= {dice.choice(VALUES)!r}"]), "utf-8", "surrogatepass")
            else:
                dice.choice((spoil_bytes, another_kind))(path, dice)
        except (OSError, ValueError, LookupError):
            return  # spoiled before

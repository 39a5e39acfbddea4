"""Checkpoints that somebody sent: header, metadata, tensors and bytes of a right one spoiled."""

from __future__ import annotations

import json
import random
import shutil
import struct
from pathlib import Path
from typing import Any

from siege import Attack, works
from spoiling import another_kind, changed, spoil_bytes

COMMANDS = (
    ("predict", "run/model.safetensors", "images", "-o", "out", "--device", "cpu", "--workers", "0"),
    ("predict", "run", "images", "-o", "out", "--device", "cpu", "--workers", "0", "--overlays", "--json"),
    ("predict", "run", "images", "-o", "out", "--device", "cpu", "--workers", "0", "--probabilities", "--tta"),
    ("explain", "run/model.safetensors", "images/photograph-0.png", "--explainer", "glow", "-o", "out", "--layer", "0"),
    ("evaluate", "run", "--split", "val", "--output", "out", "--device", "cpu"),
    ("export", "run", "--output", "out"),
)
WEIGHTS = (12, 6, 4, 4, 2, 0)
SHAPES: tuple[Any, ...] = ([], [0], [-1], [2**62, 2**62], [2**31], [1] * 70, [3, "x"], None, 7, [1.5], [2**70])
KINDS = ("F32", "F64", "I8", "BF16", "BOOL", "F8_E4M3", "U64", "C64", "X", "", "F32\x1b[2J", 7, None)
PLACES: tuple[Any, ...] = ([0, 2**63], [-1, 4], [4, 0], [0, 0], None, "x", [0], [0, 10**9])
NAMES = (
    *("segkit-toy:supervised", "segkit-toy:no-module", "segkit-toy:solid", "segkit-unet:unet", "net", ":", "a:b:c"),
    *("--index-url=http://127.0.0.1/:x", "x; rm -rf ~:net", "x\x1b]0;title\x07:net", "../../evil:net", "os:system"),
    *("segkit-nobody:net", "", "segkit-toy:" + "x" * 10_000, "segkit-smp:smp-unet", "segkit-monai:swinunetr"),
)


class Checkpoints:
    """Attacks by a model file."""

    name = "checkpoints"

    def __init__(self, works: Path) -> None:
        self.works = works

    def prepare(self, place: Path) -> None:
        """Keep the right file."""
        self.whole = (self.works / "run" / "model.safetensors").read_bytes()

    def draw(self, home: Path, seed: int) -> Attack:
        """Spoil it, or leave it."""
        dice = random.Random(seed)
        shutil.copytree(self.works / "images", home / "images")
        shutil.copytree(self.works / "run", home / "run")
        args = dice.choices(COMMANDS, WEIGHTS)[0]
        path = home / "run" / "model.safetensors"
        if dice.random() < 0.04:
            return Attack(args, works(home, "out/**/*.*"))
        kind = dice.random()
        if kind < 0.15:
            spoil_bytes(path, dice)
        elif kind < 0.2:
            another_kind(path, dice)
        else:
            path.write_bytes(self.rewritten(dice))
        return Attack(args)

    def rewritten(self, dice: random.Random) -> bytes:
        """Return the file with one to three parts of its header changed, all lengths right."""
        (length,) = struct.unpack("<Q", self.whole[:8])
        header: Any = json.loads(self.whole[8 : 8 + length])
        data = self.whole[8 + length :]
        for _ in range(dice.choice((1, 1, 1, 2, 3))):
            kind = dice.random()
            try:
                if kind < 0.2:
                    self.spoil_tensor(header, dice)
                elif kind < 0.25:
                    header = changed(header, dice)
                elif kind < 0.35:
                    own = json.loads(header["__metadata__"]["segkit"])
                    next(item for item in own["components"] if item["kind"] == "arch")["name"] = dice.choice(NAMES)
                    header["__metadata__"]["segkit"] = json.dumps(own)
                else:
                    own = changed(json.loads(header["__metadata__"]["segkit"]), dice)
                    header["__metadata__"]["segkit"] = json.dumps(own)
            except (ValueError, LookupError, TypeError, AttributeError, StopIteration, RecursionError):
                break  # spoiled before
        packed = json.dumps(header).encode("utf-8", "surrogatepass")
        told = dice.choice((0, 2**63, len(packed) + 9)) if dice.random() < 0.03 else len(packed)
        return struct.pack("<Q", told) + packed + data[: dice.choice((None, None, None, None, len(data) // 2))]

    @staticmethod
    def spoil_tensor(header: dict[str, Any], dice: random.Random) -> None:
        """Change a tensor's name, shape, type or place."""
        names = sorted(name for name in header if name != "__metadata__")
        name = dice.choice(names)
        kind = dice.randrange(5)
        if kind == 0:
            header[dice.choice(("", "\x1b[2J", "a\nb", "x" * 50_000, "../x", "0.weight.", "\u202e"))] = header.pop(name)
        elif kind == 1:
            header[name]["shape"] = dice.choice(SHAPES)
        elif kind == 2:
            header[name]["dtype"] = dice.choice(KINDS)
        elif kind == 3:
            header[name]["data_offsets"] = dice.choice(PLACES)
        else:
            header[name] = header[dice.choice(names)]

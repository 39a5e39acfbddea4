"""Names, links and pipes: of images, folders, runs and outputs, in bytes as file systems take them."""

from __future__ import annotations

import os
import random
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

from siege import Attack
from works import photograph

NAMES = (
    *(
        b"a\nb",
        b"\x1b[2J\x1b]0;title\x07",
        b"\xff\xfe",
        b"caf\xe9",
        b"x" * 255,
        b"x" * 251,
        b"\xc3\xa4" * 120,
        b"\xf0\x9f\x98\x80" * 63,
    ),
    *(
        b"-o",
        b"--force",
        b"=1+1",
        b"@x",
        b"+x",
        b"~",
        b"$HOME",
        b"`id`",
        b"a;b",
        b"a|b",
        b"*",
        b"?",
        b"[a]",
        b"[!x]",
        b"{a,b}",
    ),
    *(
        b" ",
        b"  x  ",
        b".",
        b"..x",
        b"con",
        b"nul",
        b"a\tb",
        b"a\rb",
        b"\x7f",
        b"\xc2\x9b2J",
        b"\xe2\x80\xaex",
        b"\xe2\x80\x8b",
    ),
    *(
        b"<script>alert(1)</script>".replace(b"/", b""),
        b"'\"><img src=x onerror=alert(1)>",
        b"%s%n",
        b"\\",
        b"C:\\x",
        b"a\\..\\b",
    ),
    *(
        b"\xed\xa0\x80",
        b"a\xcc\x88",
        b"A",
        b"_0000",
        b"x_0001",
        b"right_mask",
        b"masks",
        b"images",
        b"x.png.png",
        b"#x",
    ),
)
ENDINGS = (b".png", b".png", b".PNG", b"", b".png ", b".jpg", b".nii.gz", b"..png")
PREDICT = ("predict", "run", "images", "-o", "out", "--device", "cpu", "--workers", "0")


class Names:
    """Attacks by what things are called and by what they are."""

    name = "names"

    def __init__(self, works: Path) -> None:
        self.works = works

    def prepare(self, place: Path) -> None:
        """Draw a photograph once."""
        photograph(0).save(place / "right.png")
        self.whole = (place / "right.png").read_bytes()

    def draw(self, home: Path, seed: int) -> Attack:
        """Give images, folders or outputs strange names, or put links and pipes beside them."""
        dice = random.Random(seed)
        (home / "run").symlink_to(self.works / "run")
        (home / "images").mkdir()
        (home / "images" / "right.png").write_bytes(self.whole)
        for _ in range(dice.randint(1, 4)):
            self.lay(home / "images", dice)
        options = dice.choice(((), ("--overlays",), ("--json",), ("--probabilities",)))
        kind = dice.random()
        if kind < 0.55:
            return Attack((*PREDICT, *options), self.predicted(home))
        name = os.fsdecode(dice.choice(NAMES))
        if kind < 0.7:  # another place for the results, which may be one that cannot be
            return Attack((*PREDICT[:3], "-o", f"./{name}", *PREDICT[5:], *options), None, (name,))
        if kind < 0.8:
            return Attack(("predict", "run", f"images/{name}", name, *PREDICT[3:]))
        if kind < 0.9:
            return Attack(("predict", name, f"{name}/model.safetensors", *PREDICT[2:]))
        folder = home / (name if name not in (".", "..") else "x")
        try:
            shutil.copytree(self.works / "run", folder, ignore=shutil.ignore_patterns("explanations"))
        except OSError:
            return Attack(("runs", name))
        command = dice.choice((("runs", "."), ("runs", ".", "--json"), ("report", f"./{folder.name}")))
        return Attack(command, None, (folder.name,))

    def lay(self, folder: Path, dice: random.Random) -> None:
        """Lay something strange into a folder."""
        name = dice.choice(NAMES) + dice.choice(ENDINGS)
        path = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
        outside = folder.parent / "outside"
        makers: tuple[Callable[[], object], ...] = (
            *(lambda: path.write_bytes(self.whole),) * 6,
            lambda: path.mkdir() or (path / "right.png").write_bytes(self.whole),
            lambda: os.mkfifo(path),
            lambda: path.symlink_to(
                dice.choice((path.name, "nothing", "right.png", "..", outside, outside / "canary"))
            ),
            lambda: path.symlink_to("x" * 5000),
            lambda: path.symlink_to(f"/proc/self/fd/{dice.randrange(5)}"),
            lambda: path.symlink_to(
                dice.choice(("/dev/zero", "/dev/tty", "/dev/stdin", "/proc/kmsg", "/proc/self/mem"))
            ),
            lambda: os.link(folder / "right.png", path),
            lambda: socket.socket(socket.AF_UNIX).bind(os.path.relpath(path)),
        )
        if os.path.lexists(path):
            return
        try:
            dice.choice(makers)()
        except (OSError, ValueError):
            return  # no name that this file system takes, or taken

    def predicted(self, home: Path) -> Callable[[int], str]:
        """Return a check that the right photograph is predicted, whatever lies beside it."""

        def check(code: int) -> str:
            found = list((home / "out").glob("*right*.png"))
            return "" if found else f"the right one is not predicted, code {code}"

        return check

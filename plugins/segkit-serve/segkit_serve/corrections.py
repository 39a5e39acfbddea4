"""What people corrected, kept in a folder: every version of a mask with who changed how much of which model's proposal.

The folder is a dataset as segkit-folder reads one (images/, masks/ with the latest version of each, classes.toml); the
versions lie beside it, each in a folder of its own that is there whole or not at all.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segkit import SegkitError
from segkit.errors import one_line
from segkit.files import read_json, write_json, write_text, write_whole
from segkit_serve.cases import HeldCase
from segkit_serve.limits import HOUR
from segkit_serve.refusal import RefusedError
from segkit_serve.removing import remove_folder

ABOUT, CLASSES, IMAGES, MASKS, VERSIONS = "corrections.json", "classes.toml", "images", "masks", "versions"
SERIES = "series"
RECORD, LABELS = "record.json", "labels.gz"
NUMBER = re.compile(r"v(\d{4,})")
KEY = re.compile(r"[0-9a-f]{20}")
"""Of a case, as `HeldCase.key` makes it."""
NEW = ".new-"
"""How the name of a version begins that is being written; another server may be at it with the same folder."""
LONGEST_NAME = 40


class Corrections:
    """A folder of corrections.

    Raises:
        SegkitError: the folder holds other things or other classes, leads elsewhere by links, or cannot be made.
    """

    def __init__(self, folder: Path, classes: Sequence[str], dims: int) -> None:
        self.folder = folder
        self.about: dict[str, Any] = {"format": 1, "classes": list(classes), "dims": dims}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if (folder / ABOUT).exists():
                self.check()
            else:
                self.begin_folder()
            for name in (IMAGES, MASKS, VERSIONS):
                (folder / name).mkdir(exist_ok=True)
                self.check_own(folder / name)
            self.tidy()
        except OSError as error:
            raise SegkitError(f"--keep {folder} cannot be written ({error.strerror})", "name another folder") from None

    def begin_folder(self) -> None:
        """Make a folder that is empty one of corrections; raises SegkitError where it holds something else."""
        if any(self.folder.iterdir()):
            raise SegkitError(
                f"--keep {self.folder} holds something that is no corrections", "name a new folder, or an empty one"
            )
        # What says whose folder it is comes first: killed in between, the next server goes on with it.
        write_json(self.folder / ABOUT, self.about)
        names = ", ".join(f"{json.dumps(name)} = {label}" for label, name in enumerate(self.about["classes"], start=1))
        write_text(self.folder / CLASSES, f"classes = {{{names}}}\n")

    def check_own(self, folder: Path) -> None:
        """Raise SegkitError where a folder of the corrections is a link: what is written there would go elsewhere."""
        if folder.is_symlink():
            raise SegkitError(f"--keep {self.folder}: {folder.name} is a link", "put the folder itself there")

    def tidy(self) -> None:
        """Remove what a killed server was writing: folders of its naming, which no request works at any more."""
        for place in (self.folder / VERSIONS).iterdir():
            if not KEY.fullmatch(place.name) or place.is_symlink():
                continue
            for left in place.glob(f"{NEW}*"):
                if not left.is_symlink() and time.time() - left.stat().st_mtime > HOUR:
                    remove_folder(left)

    def check(self) -> None:
        """Raise SegkitError where the folder keeps corrections of other classes."""
        known = read_json(self.folder / ABOUT, dict)
        if known != self.about:
            raise SegkitError(
                f"--keep {self.folder} keeps corrections of {known.get('classes')} in {known.get('dims')}D, the models "
                f"have {self.about['classes']} in {self.about['dims']}D",
                "name another folder",
            )

    def versions(self, key: str) -> list[dict[str, Any]]:
        """Return the records of a case's versions, the first one first."""
        found = []
        for path in (self.folder / VERSIONS / key).glob("v*"):
            if NUMBER.fullmatch(path.name):
                found.append(read_json(path / RECORD, dict))
        return sorted(found, key=lambda record: int(record["version"]))

    def labels(self, key: str, version: int) -> bytes:
        """Return a version's label map as it was drawn, gzipped."""
        try:
            return (self.folder / VERSIONS / key / f"v{version:04d}" / LABELS).read_bytes()
        except FileNotFoundError:
            raise RefusedError(404, f"there is no version {version} of this image", "ask which there are") from None

    def begin(self, case: HeldCase, seen: int) -> Path:
        """Return an empty folder for the next version; raises RefusedError where there is one that was not seen."""
        self.check_seen(case, seen)
        place = self.folder / VERSIONS / case.key
        place.mkdir(exist_ok=True)
        self.check_own(place)
        return Path(tempfile.mkdtemp(prefix=NEW, dir=place))

    def check_seen(self, case: HeldCase, seen: int) -> None:
        """Raise RefusedError where somebody else has saved a version since the last one that was seen."""
        known = self.versions(case.key)
        last = int(known[-1]["version"]) if known else 0
        if not 0 <= seen <= last:
            raise RefusedError(
                400, f"there is no version {seen} of this image", f"give the last one that was seen, at most {last}"
            )
        if last != seen:
            who = known[-1].get("who") or "somebody"
            error = RefusedError(
                409,
                f"{who} has saved version {last} of this image meanwhile",
                "save again to put yours after it as the next version; both are kept",
            )
            error.more = {"version": last}
            raise error

    def finish(
        self, case: HeldCase, new: Path, seen: int, written: Mapping[str, Any], model: Mapping[str, Any], who: str
    ) -> dict[str, Any]:
        """Make what lies in `new` the next version, and the latest mask of the dataset; returns its record.

        Args:
            written: what the worker wrote there: "mask", "proposal", "dataset" (a file each) and "pixels_changed".
        """
        number = seen + 1
        for name in ("mask", "proposal", "dataset"):
            if written[name] in ("", "..") or Path(written[name]).name != written[name]:
                raise RefusedError(500, f"the worker wrote no file of a plain name, but {written[name]!r}", "report it")
        record = {
            "version": number,
            "case": case.key,
            "saved": datetime.now(UTC).isoformat(timespec="seconds"),
            "who": one_line(who)[:LONGEST_NAME],
            "mask": written["mask"],
            "proposal": written["proposal"],
            "pixels_changed": written["pixels_changed"],
            "pixels": written["pixels"],
            "model": {key: model[key] for key in ("arch", "data", "checkpoint", "shown") if key in model},
        }
        write_json(new / RECORD, record)
        self.keep_image(case)
        target = new.parent / f"v{number:04d}"
        latest = (new / written["dataset"]).read_bytes()
        if written["dataset"] not in (written["mask"], written["proposal"]):
            (new / written["dataset"]).unlink()
        try:
            new.rename(target)  # fails where somebody was faster: a folder that is not empty is not replaced
        except OSError:
            remove_folder(new)
            self.check_seen(case, seen)
            raise
        suffix = "".join(Path(written["dataset"]).suffixes)
        write_bytes(self.folder / MASKS / f"{case.key}{suffix}", latest)
        return record

    def keep_image(self, case: HeldCase) -> None:
        """Keep a case's image as it was sent, under the case's name; a series as a folder."""
        if case.series is not None:
            self.keep_series(case.series, self.folder / SERIES / case.key)
            return
        for path in case.files:
            channel = re.search(r"_\d{4}(?=\.)", path.name)
            name = f"{case.key}{channel[0] if channel else ''}{''.join(path.suffixes)}"
            target = self.folder / IMAGES / name
            if not target.exists():
                write_bytes(target, path.read_bytes())

    def keep_series(self, series: Path, target: Path) -> None:
        """Copy the files of a series; the folder is there whole or not at all."""
        if target.exists():
            return
        target.parent.mkdir(exist_ok=True)
        self.check_own(target.parent)
        new = Path(tempfile.mkdtemp(prefix=NEW, dir=target.parent))
        try:
            shutil.copytree(series, new, dirs_exist_ok=True)
            new.rename(target)
        except OSError:
            remove_folder(new)
            if not target.exists():  # nobody was faster
                raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    write_whole(path, lambda stream: stream.write(data))

"""What a tracker of experiments is told of a run: settings, figures by epoch, scores; and each epoch once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from segkit.files import Limited, read_json, read_lines, write_json
from segkit.rundir.names import CASES, HISTORY, MODEL, REPORT, SUMMARY
from segkit.rundir.privacy import FOLDER_SETTINGS, without_paths

FILES = (REPORT, MODEL, SUMMARY, CASES)
"""What people look for of a finished run. Not config.toml, which names folders of the machine."""
EVERY_EPOCH = ("loss", "learning_rate", "images_per_second")
INTERVAL = ("mean", "ci_low", "ci_high", "n")
RECORD = {"run": Limited(str, 1), "epoch": Limited(int, 0)}
LARGEST_RECORD = 2**16

Send = Callable[[dict[str, float], int], None]
"""Given figures by name, and their epoch."""


class Tracked:
    """The run of a tracker that a run is, and how far that was told it; a file of the run's directory remembers both.

    Args:
        folder: the run's directory.
        file: name of that file. It holds no address of a tracker, which may have a password in it.

    Attributes:
        id: what the tracker calls its run; None where it has not begun one.
        epoch: the last one that it was told.

    Raises:
        SegkitError: the file is damaged.
    """

    def __init__(self, folder: Path, file: str) -> None:
        self.folder, self.file = folder, folder / file
        found = read_json(self.file, RECORD, most=LARGEST_RECORD, absent="{}")
        self.id: str | None = found.get("run")
        self.epoch: int = found.get("epoch", 0)

    def begin(self, id: str, epoch: int = 0) -> None:
        """Remember what the tracker calls its run, and the last epoch that this one has."""
        self.id, self.epoch = id, epoch
        write_json(self.file, {"run": id, "epoch": epoch})

    def tell(self, record: Mapping[str, Any], send: Send) -> None:
        """Send an epoch's figures, unless they were sent before: a run goes on a little before where it was killed."""
        epoch = int(record["epoch"])
        if self.id is not None and epoch > self.epoch:
            send(epoch_figures(record), epoch)
            self.begin(self.id, epoch)

    def catch_up(self, send: Send) -> None:
        """Send the epochs of history.jsonl that were not sent: the run was killed just then."""
        for record in read_lines(self.folder / HISTORY, absent=""):
            self.tell(record, send)


def epoch_figures(record: Mapping[str, Any]) -> dict[str, float]:
    """The figures of one line of history.jsonl by name, "train/loss" and "val/dice@store"; those that exist."""
    found = {f"train/{name}": record.get(name) for name in EVERY_EPOCH}
    found |= {f"train/{name}": value for name, value in (record.get("terms") or {}).items()}
    found |= {f"val/{name}": value for name, value in (record.get("val") or {}).items()}
    return {name: float(value) for name, value in found.items() if value is not None}


def case_means(summary: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each mean over cases in summary.json: "scores/SPLIT/METRIC/CLASS", and its row."""
    for row in summary.get("scores", ()):
        if row["aggregation"] == "case_mean":
            yield f"scores/{summary['split']}/{row['metric']}/{row['class']}", row


def score_figures(summary: Mapping[str, Any]) -> dict[str, float]:
    """Each mean over cases with its interval and n, by name: "scores/test/dice/lesion/ci_low"; those that exist."""
    found = {f"{name}/{figure}": row.get(figure) for name, row in case_means(summary) for figure in INTERVAL}
    return {name: float(value) for name, value in found.items() if value is not None}


def files_of(folder: Path) -> list[Path]:
    """The files of a finished run that people look for, as far as they are there."""
    return [folder / name for name in FILES if (folder / name).is_file()]


def shown_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that may be shown to others: without the folders of data and run, of other paths the last part."""
    return {name: without_paths(value) for name, value in config.items() if name not in FOLDER_SETTINGS}

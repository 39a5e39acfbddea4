"""What is known of a run from its files alone, and what `--resume` has to answer by the rule."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segkit.engine.sealed import DamagedFileError, read_sealed

RUN = Path("run")
STATE = RUN / "last" / "state.safetensors"
FILES = ("config.toml", "environment.json", "history.jsonl", "model.safetensors", "cases.csv", "summary.json")
FILES += ("report.html", "last/state.safetensors")
HARMLESS = [(), ("--workers", "1"), ("--name", "other"), ("--device", "auto"), ("--set", "run.save_minutes=7")]
ALLOWED = [
    ("--lr", "0.01", "--allow", "training"),
    ("--batch-size", "3", "--allow", "batch-size"),
    ("--batch-size", "1", "--lr", "0.02", "--allow", "batch-size,training"),
    ("--set", "augment.flip=0", "--allow", "augmentation"),
]
"""Each of them is refused without its allowance, and once training is over.

More epochs are not among them: a run that is over goes on for those (tests/jobs/test_longer.py, and kills of `longer`).
"""
SCORING = ("--set", "evaluate.mirror=true", "--allow", "scoring")
HARMLESS_SETTINGS = (
    "run.workers",
    "run.output",
    "run.save_minutes",
    "run.name",
    "run.profile",
    "run.device",
    "data.root",
)
"""Settings that may differ between a state and the run that goes on from it."""


def contents(folder: Path) -> dict[str, str]:
    """Hashes by name of all that a folder holds, but for the lock and the parts that a killed process left."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock" and not path.name.endswith(".part")
    }


def header() -> dict[str, Any] | None:
    """The resume state's header; empty where it is damaged, None where there is none."""
    try:
        return read_sealed(STATE, "segkit-state")[1]
    except FileNotFoundError:
        return None
    except DamagedFileError:
        return {}


def summary_says_finished() -> bool | None:
    """What summary.json records; None where there is none, or none that can be read."""
    try:
        return json.loads((RUN / "summary.json").read_text())["finished"]
    except (OSError, ValueError):
        return None


@dataclass(frozen=True)
class Facts:
    """What is there before a resume.

    Attributes:
        has: whether each of FILES is there.
        state: the resume state's header; empty where it is damaged, None where there is none.
        folder: whether the state's folder is there.
        config: "whole", "damaged" or "missing".
        broken: files that are there, damaged as they were left.
        finished: whether the run says that it is.
        whole: whether it is finished and nothing is missing.
        root: where config.toml says that the data are; None where it cannot be read.
    """

    has: Mapping[str, bool]
    state: Mapping[str, Any] | None
    folder: bool
    config: str
    broken: Collection[str]
    finished: bool
    whole: bool
    root: Path | None

    @property
    def agrees(self) -> bool:
        """Whether the state is of the settings that config.toml holds."""
        said = dict(flat(tomllib.loads((RUN / "config.toml").read_text())))
        kept = self.state["identity"]["settings"]
        return all(said.get(name) == kept[name] for name in kept if name not in HARMLESS_SETTINGS)


def look_at(broken: Collection[str]) -> Facts:
    """Look at the run.

    Args:
        broken: files that were damaged and not written anew.
    """
    has = {name: (RUN / name).is_file() for name in FILES}
    state = header()
    finished = summary_says_finished() is True or (has["summary.json"] and state is None)
    config = "damaged" if "config.toml" in broken else "whole" if has["config.toml"] else "missing"
    said = tomllib.loads((RUN / "config.toml").read_text()) if config == "whole" else {}
    return Facts(
        has=has,
        state=state,
        folder=STATE.parent.exists(),
        config=config,
        broken=broken,
        finished=finished,
        whole=finished
        and not {"model.safetensors", "summary.json"} & set(broken)
        and all(has[name] for name in ("model.safetensors", "cases.csv", "report.html")),
        root=Path(said["data"]["root"]).resolve() if said.get("data", {}).get("root") else None,
    )


def flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values of a nested table."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def expected_code(
    found: Facts, options: tuple[str, ...], *, plain: bool, other_root: bool, lost_data: bool
) -> int | None:
    """The exit code of `--resume` by the rule, None where several are right.

    Args:
        options: from HARMLESS, ALLOWED or SCORING, maybe without the allowance.
        plain: whether the run's settings are those of the reference.
        other_root: whether `--data-root` is given.
        lost_data: whether the data are not where it is said that they are.
    """
    if found.whole:
        return 2 if options or other_root else 0
    if not found.has["config.toml"]:
        return 2
    if found.finished:
        return 1
    if found.state is None:
        left = ("model.safetensors", "history.jsonl", "report.html", "cases.csv")
        if any(found.has[name] for name in left) or found.folder:
            return 1
    if found.config == "damaged":
        return None
    if "environment.json" in found.broken:
        return 1
    if found.state == {} or lost_data:
        return 1
    return expected_by_options(found, options, plain=plain)


def expected_by_options(found: Facts, options: tuple[str, ...], *, plain: bool) -> int | None:
    """The exit code where everything that is needed is there."""
    changes = options in (*ALLOWED, SCORING)
    forbidden = any(options == one[: one.index("--allow")] for one in (*ALLOWED, SCORING))
    if (forbidden or changes) and not plain:
        return None  # an earlier resume may have brought these very settings
    if forbidden:
        return 1
    if changes and options != SCORING and found.state and found.state["epoch"] > found.state["epochs"]:
        return 1
    if plain:
        return 0
    # Only between config.toml and the state that follows it at once can an allowance be asked for a second time.
    return (0 if found.agrees else 1) if found.state else None

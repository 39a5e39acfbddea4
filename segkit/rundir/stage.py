"""How far a run has come: the one place that says so, from its directory alone.

    unfinished -> trained -> scored -> finished        broken: something that cannot be made up for is missing

A step forward is a file: the resume state (its folder appears with it, and history.jsonl only once it is there, so that
either without it is a state that was lost), the model, summary.json. That a run is finished is recorded in
summary.json, because the folder of the resume state may be impossible to remove (NFS), and whatever is removed later
does not undo it (issue 17). One that goes on for more epochs is unfinished again, whatever it still has of the shorter
training: last/longer.json says so (issue 21).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from segkit.errors import SegkitError
from segkit.files import open_regular, parse_json, read_json, read_text, read_toml
from segkit.rundir.names import CASES, CONFIG, HISTORY, LONGER, MODEL, REPORT, STATE, STATE_FOLDER, SUMMARY

MODEL_DATASET = "model_dataset"
"""In summary.json of `segkit evaluate` alone: the dataset that the model was trained on."""
FINISHED_FIELD = "finished"
"""In summary.json: everything was written, and there is nothing to go on with."""


class Stage(StrEnum):
    """What a run directory is."""

    UNFINISHED = "unfinished"
    TRAINED = "trained"
    SCORED = "scored"
    FINISHED = "finished"
    BROKEN = "broken"
    SCORES = "scores"
    """No run: what `segkit evaluate` found of a model that lies elsewhere."""


@dataclass(frozen=True)
class Standing:
    """Where a run stands.

    Attributes:
        details: how far it came, or what is missing; "" where there is nothing to say.
        way_out: what can be done where it cannot be gone on with.
        resumable: whether `--resume` can go on with it; never where that would train again what was trained.
    """

    stage: Stage
    details: str = ""
    way_out: str = ""
    resumable: bool = False


def standing_of(folder: Path) -> Standing:
    """Say where a run stands; reads small files alone, and raises nothing for damaged ones."""
    has = {name: (folder / name).is_file() for name in (CONFIG, HISTORY, MODEL, CASES, SUMMARY, REPORT)}
    has_state = (folder / STATE_FOLDER / STATE).is_file()
    if has_state and has[CONFIG] and longer_epochs(folder):
        return Standing(Stage.UNFINISHED, progress(folder), resumable=True)
    if has[SUMMARY] and (recorded(folder) is True or not has_state):
        return scored_standing(folder, has)
    if has_state:
        return resumable_standing(folder, has)
    if has[MODEL]:
        missing = f"{STATE_FOLDER}/{STATE} is missing"
        return Standing(Stage.TRAINED, f"not scored, and {missing}", f"score its model: segkit evaluate {folder}")
    if has[HISTORY] or has[REPORT] or has[CASES] or (folder / STATE_FOLDER).exists():
        details = f"{progress(folder)} were trained, and {STATE_FOLDER}/{STATE} is missing"
        way_out = f"bring that file back, or start anew: segkit run --config {folder / CONFIG}"
        return Standing(Stage.BROKEN, details, way_out)
    if has[CONFIG]:
        return Standing(Stage.UNFINISHED, progress(folder), resumable=True)
    return Standing(Stage.BROKEN, f"there is no {CONFIG} in it", "name the directory of a run")


def scored_standing(folder: Path, has: dict[str, bool]) -> Standing:
    """Of a run that has a summary, and nothing to go on from or nothing to go on with."""
    if not has[MODEL] and not has[HISTORY] and is_evaluation(folder):
        return Standing(Stage.SCORES, "of a model that lies elsewhere", "name the run whose model was scored")
    again = f"score its model again: segkit evaluate {folder}"
    if not has[MODEL] or is_cut(folder / MODEL):
        wrong = "is not whole" if has[MODEL] else "is missing"
        return Standing(Stage.BROKEN, f"{MODEL} {wrong}", "bring that file back, or start a new run")
    if recorded(folder) is None:
        return Standing(Stage.BROKEN, f"{SUMMARY} is damaged", again)
    if not has[CASES]:
        return Standing(Stage.BROKEN, f"{CASES} is missing", again)
    if not has[REPORT]:
        return Standing(Stage.FINISHED, f"{REPORT} is missing", f"segkit report {folder} renders the page alone")
    return Standing(Stage.FINISHED)


def resumable_standing(folder: Path, has: dict[str, bool]) -> Standing:
    """Of a run that has a resume state."""
    if not has[CONFIG]:
        return Standing(Stage.BROKEN, f"{CONFIG} is missing", "bring that file back")
    if has[MODEL] and has[SUMMARY]:
        return Standing(Stage.SCORED, "its report is not written", resumable=True)
    if has[MODEL]:
        return Standing(Stage.TRAINED, "not scored", resumable=True)
    return Standing(Stage.UNFINISHED, progress(folder), resumable=True)


def is_evaluation(folder: Path) -> bool:
    """Whether summary.json is one that `segkit evaluate` wrote."""
    try:
        return MODEL_DATASET in read_json(folder / SUMMARY, {})
    except SegkitError:
        return False


def recorded(folder: Path) -> bool | None:
    """Whether summary.json says that the run was finished; None where it cannot be read."""
    try:
        found: object = read_json(folder / SUMMARY, {}).get(FINISHED_FIELD)
    except SegkitError:
        return None
    return found is True


def is_cut(path: Path) -> bool:
    """Whether a safetensors file is shorter than its own header says, or has none; whoever loads it looks closer."""
    try:
        size = path.stat().st_size
        with open_regular(path) as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = parse_json(stream.read(length)) if length < size else {}
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        return bool(8 + length + max(ends, default=0) != size)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return True


def progress(folder: Path) -> str:
    """Say how many epochs of how many were trained, as far as the files can be read."""
    return f"{last_epoch(folder)} of {wanted_epochs(folder)} epochs"


def last_epoch(folder: Path) -> str:
    """The last epoch that history.jsonl tells of; "?" where it cannot be read."""
    try:
        lines = read_text(folder / HISTORY, absent="").splitlines()
        return str(parse_json(lines[-1])["epoch"]) if lines else "0"
    except (SegkitError, ValueError, KeyError, TypeError):
        return "?"


def longer_epochs(folder: Path) -> int | None:
    """For how many epochs in all a run goes on that had fewer; None where it does not, or that cannot be read."""
    try:
        found: object = read_json(folder / STATE_FOLDER / LONGER, dict, absent="{}").get("epochs")
    except SegkitError:
        return None
    return found if type(found) is int and found > 0 else None


def wanted_epochs(folder: Path) -> str:
    """How many epochs the run is to have; "?" where that cannot be read."""
    if longer := longer_epochs(folder):
        return str(longer)
    try:
        return str(read_toml(folder / CONFIG)["train"]["epochs"])
    except (SegkitError, KeyError, TypeError):
        return "?"

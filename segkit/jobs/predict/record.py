"""What prediction.json says of a folder, from before the first label map is written until all are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segkit.data.inventory import shown
from segkit.errors import SegkitError, one_line
from segkit.files import read_json
from segkit.jobs.predict.names import OVERLAYS, PROBABILITIES, RECORD, SIZES
from segkit.version import __version__

if TYPE_CHECKING:
    from segkit.jobs.predict.files import Options, Outcome
    from segkit.model import Model

NOTICE = "for research, not for diagnosis"
GENERATED = "trained on a generated sample: its predictions mean nothing"
BEGUN, EARLIER = "begun", "earlier"
"""Keys of label maps that were to be written when the prediction ended early, and of those of predictions before."""
LARGEST = 1 << 28
"""Bytes of prediction.json that are read: a million files' record."""


@dataclass(frozen=True)
class LabelMap:
    """A label map that a record names.

    Attributes:
        mask: its file.
        name: what its picture and probabilities are called.
    """

    mask: str
    name: str

    @property
    def files(self) -> tuple[str, ...]:
        """All that may be written of the image, relative to the folder."""
        return self.mask, f"{OVERLAYS}/{self.name}.jpg", f"{PROBABILITIES}/{self.name}.npy"

    def entry(self) -> dict[str, str]:
        """What a record holds of it."""
        return {"mask": self.mask, "name": self.name}


@dataclass(frozen=True)
class Before:
    """What the record of an earlier prediction into a folder says.

    Attributes:
        maps: all that it and those before it wrote or were to write.
        finished: whether it came to its end; True where there was none.
    """

    maps: frozenset[LabelMap] = frozenset()
    finished: bool = True

    @property
    def unfinished_files(self) -> frozenset[str]:
        """What may be written over unasked: all of a prediction that was killed or stopped."""
        if self.finished:
            return frozenset()
        return frozenset({SIZES, RECORD, *(file for found in self.maps for file in found.files)})

    def left_in(self, folder: Path, planned: Iterable[LabelMap]) -> list[LabelMap]:
        """The label maps that stay in the folder beside those that will be written."""
        new = {found.mask for found in planned}
        kept = (found for found in self.maps if found.mask not in new and (folder / found.mask).is_file())
        return sorted(kept, key=lambda found: found.mask)


def read_before(folder: Path) -> Before:
    """Read the record in a folder; where it cannot be read nothing is known to be ours to replace."""
    try:
        content = read_json(folder / RECORD, dict, most=LARGEST, absent="{}")
        return Before(frozenset(maps_in(content)), BEGUN not in content)
    except (SegkitError, KeyError, TypeError, AttributeError):
        return Before()


def whole_record(folder: Path) -> dict[str, Any] | None:
    """Return the record of a prediction that came to its end; None where there is none that can be read."""
    try:
        content: dict[str, Any] = read_json(folder / RECORD, {"files": list, "failed": list}, most=LARGEST)
    except SegkitError:
        return None
    return None if BEGUN in content else content


def maps_in(content: Mapping[str, Any]) -> Iterable[LabelMap]:
    """Yield every label map that a record names, whether it was written or only begun."""
    for part in (*content["files"], *content.get(BEGUN, ()), *content.get(EARLIER, ())):
        name = str(part["name"] if "name" in part else part["mask"].partition(".")[0])
        for mask in (part["mask"], *part.get("more", ())):
            yield LabelMap(str(mask), name)


def record(
    models: Sequence[Model],
    outcome: Outcome,
    options: Options,
    begun: Sequence[LabelMap] | None = None,
    earlier: Sequence[LabelMap] = (),
) -> dict[str, Any]:
    """What prediction.json says: by which models, with which settings, what each file became.

    Args:
        begun: what is still to be written; None at the end.
        earlier: label maps of predictions before that stay in the folder.
    """
    from segkit.engine.ensemble import Ensemble
    from segkit.jobs.predict.estimate import estimate_record
    from segkit.jobs.predict.overlays import colour

    first, together = models[0], Ensemble(tuple(model.predictor for model in models))
    estimate = estimate_record([model.header for model in models], together)
    generated = any(model.header.get("generated_sample") for model in models)
    return {
        "segkit": __version__,
        "notice": "; ".join([NOTICE, *([GENERATED] if generated else [])]),
        "models": [
            {
                "components": model.header["components"],
                "preprocessing": model.header["preprocessing"],
                "weights": model.header.get("weights"),
                "mirror": model.predictor.mirror,
                **({"turn": True} if model.predictor.turn else {}),
                **({"calibration": model.header["calibration"]} if model.header.get("calibration") else {}),
            }
            for model in models
        ],
        **({"estimate": estimate} if estimate else {}),
        "postprocess": first.header.get("postprocess", {}),
        "classes": [
            {"label": label, "name": name, "colour": list(colour(label))}
            for label, name in enumerate(first.task.classes, start=1)
        ],
        "overlays": options.overlays,
        "probabilities": options.probabilities,
        "files": [
            {
                "input": part.item.label,
                "name": part.item.name,
                "files": [one_line(shown(Path(path.name))) for path in part.item.files],
                "mask": part.mask.name,
                **({"more": [path.name for path in part.more]} if part.more else {}),
                "classes": [vars(size) for size in part.sizes],
                **({} if part.expected is None else {"expected_dice": round(part.expected, 4)}),
                **({} if part.agreement is None else {"agreement": round(part.agreement, 4)}),
                **({"remarks": list(part.remarks)} if part.remarks else {}),
            }
            for part in outcome.predicted
        ],
        "failed": [{"input": item.label, "reason": one_line(error.message)} for item, error in outcome.failed],
        **({} if begun is None else {BEGUN: [found.entry() for found in begun]}),
        **({EARLIER: [found.entry() for found in earlier]} if earlier else {}),
    }

"""Corrections as a dataset: what was kept by `segkit serve --keep`, to be trained or scored on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segkit import SegkitError
from segkit.files import read_json
from segkit_folder.params import FolderParams
from segkit_folder.reader import FolderReader
from segkit_serve.corrections import ABOUT, RECORD, VERSIONS

if TYPE_CHECKING:
    from segkit_serve.params import CorrectionsParams


AXES = {2: ("height", "width"), 3: ("depth", "height", "width")}
"""Names of the axes that a network is shown, in their order."""


def last_shown(root: Path) -> Mapping[str, Any]:
    """Return how the model was shown images whose proposal was corrected last; nothing where no record says it."""
    records = [read_json(path, dict) for path in (root / VERSIONS).glob(f"*/v*/{RECORD}")]
    told = [(str(one.get("saved", "")), one["model"]["shown"]) for one in records if "shown" in one.get("model", {})]
    return max(told, key=lambda entry: entry[0])[1] if told else {}


def going_on(recipe: Mapping[str, Any], shown: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a recipe that goes on with a model instead of beginning anew.

    At another working size a network sees everything smaller or larger than it knows, and without mirroring in training
    its mirrored copies are no longer averaged. The rate stays that of people's own images: a tenth of it gained less on
    the sample (docs/serve.md, issue 26).
    """
    mode = str(shown.get("mode", ""))
    taken: dict[str, Any] = {}
    if shown.get("mirrored"):
        axes = AXES[3 if mode == "patches" else 2]
        taken["augment.flip"] = tuple(0.5 if axis in shown["mirrored"] else 0.0 for axis in axes)
    if shown.get("mirror"):
        taken["evaluate.mirror"] = True
    if mode in recipe:
        taken[mode] = {**recipe[mode], "data.size": tuple(shown["size"])}
    return {**recipe, **taken}


class CorrectionsReader(FolderReader):
    """The images that were corrected, each with the latest version of its mask.

    Raises:
        SegkitError: the root keeps no corrections, or too few to be shared out.
    """

    def __init__(self, root: Path, params: CorrectionsParams) -> None:
        root = Path(root)
        if not (root / ABOUT).is_file():
            raise SegkitError(f"{root} keeps no corrections", "give the folder of segkit serve --keep")
        self.corrected = read_json(root / ABOUT, dict)
        score = params.use == "score"
        shares = (0.0, 0.0) if score else (params.val, params.test)
        of_folder = FolderParams(
            images="images", masks="masks", val=shares[0], test=shares[1], split_seed=params.split_seed
        )
        super().__init__(root, of_folder)
        self.recipe = going_on(self.recipe, last_shown(root))
        if score:
            self.listed = {"train": [], "val": [], "test": self.listed["train"]}
            self.dealt_splits = ()
            self.notes.append(("use", "every case is scored"))

    def describe(self) -> Sequence[tuple[str, str]]:
        """Return how the files were understood, and how many versions there are."""
        versions = len(list((self.root / "versions").glob("*/v*/record.json")))
        return [*super().describe(), ("versions", f"{versions} of {len(self.pairs)} cases; the latest of each is used")]

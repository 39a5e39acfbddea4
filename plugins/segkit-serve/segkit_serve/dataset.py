"""Corrections as a dataset: what was kept by `segkit serve --keep`, to be trained or scored on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from segkit import SegkitError
from segkit.files import read_json
from segkit_folder.params import FolderParams
from segkit_folder.reader import FolderReader
from segkit_serve.corrections import ABOUT

if TYPE_CHECKING:
    from segkit_serve.params import CorrectionsParams


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
        if score:
            self.listed = {"train": [], "val": [], "test": self.listed["train"]}
            self.dealt_splits = ()
            self.notes.append(("use", "every case is scored"))

    def describe(self) -> Sequence[tuple[str, str]]:
        """Return how the files were understood, and how many versions there are."""
        versions = len(list((self.root / "versions").glob("*/v*/record.json")))
        return [*super().describe(), ("versions", f"{versions} of {len(self.pairs)} cases; the latest of each is used")]

"""Read AMOS22."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from segkit import Case
from segkit.data.archives import download_archives, read_records
from segkit.data.roots import MARKER
from segkit_amos.metadata import read_metadata
from segkit_amos.organs import ORGANS, check_order
from segkit_amos.params import AmosParams
from segkit_amos.recipe import RECIPE, recipe_of
from segkit_msd.description import FILE, Description, read_description
from segkit_msd.params import MsdParams
from segkit_msd.reader import MsdReader
from segkit_nifti.files import stem_of

ARCHIVE = "amos22.zip"
DOWNLOAD_BASE = "https://zenodo.org/records/7262581/files/"
MIRROR_VARIABLE = "SEGKIT_AMOS_MIRROR"
"""Environment variable with another base address, under which amos22.zip lies as under the official one."""
UNPACKED = "amos22"
"""The folder that the archive holds."""
LAST_CT = 500
NUMBER = re.compile(r"amos_(\d+)\Z")


class AmosReader(MsdReader):
    """AMOS22 as unpacked from the official archive: imagesTr, labelsTr, imagesVa, labelsVa, imagesTs.

    The organs are told by their labels, whatever dataset.json spells.

    Raises:
        SegkitError: the root is not AMOS data.
    """

    recipe: Mapping[str, Any] = RECIPE
    reader_version = 2  # the phantom's organs were enlarged
    label_hint = "AMOS has 15 organs: mend the file, or read other labels with --data msd"

    def __init__(self, root: Path, params: AmosParams) -> None:
        root = Path(root)
        self.modality = params.modality
        self.damaged = sorted(member for record in read_records(root) for member in record.damaged)
        inside = root / UNPACKED
        super().__init__(inside if inside.is_dir() and not (root / "imagesTr").is_dir() else root, MsdParams())
        self.recipe = recipe_of(params.modality, generated=(self.root / MARKER).is_file())

    @classmethod
    def download(cls, root: Path, params: AmosParams, progress: Callable[[str, int, int], None]) -> None:
        """Fetch the official archive (24 GB) and unpack it into `root`; members that are damaged are listed, left out.

        SEGKIT_AMOS_MIRROR names another base address. Raises what `segkit.data.archives.download_archives` raises.
        """
        base = os.environ.get(MIRROR_VARIABLE) or DOWNLOAD_BASE
        download_archives([f"{base.rstrip('/')}/{ARCHIVE}"], root, progress, leave_damaged=True)

    @classmethod
    def make_sample(cls, root: Path, params: AmosParams) -> None:
        """Write a generated phantom into the empty folder `root`, in AMOS's layout."""
        from segkit_amos.sample import write_sample

        write_sample(root, params.sample_seed)

    def describe_data(self) -> Description:
        """Return AMOS's organs, dataset.json compared where there is one."""
        if (self.root / FILE).is_file():
            check_order(read_description(self.root).classes)
        channel = {"ct": "CT", "mr": "MR", "both": "CT or MR"}[self.modality]
        return Description((channel,), ORGANS, None, False, {})

    def leave_out(self) -> set[str]:
        """The ids of cases of which the archive held a damaged file."""
        return {stem_of(member.rpartition("/")[2]) or member for member in self.damaged}

    def split(self, listed: Mapping[str, list[Case]], params: MsdParams) -> dict[str, list[Case]]:
        """Keep the scans of the modality asked for, with what AMOS's table tells of them."""
        table = read_metadata(self.root)
        chosen = {
            split: [with_meta(case, table) for case in cases if self.modality in ("both", modality_of(case.id))]
            for split, cases in listed.items()
        }
        found = Counter(modality_of(case.id) for cases in chosen.values() for case in cases)
        self.notes.append(("scans", f"{found['ct']} CT, {found['mr']} MR (modality {self.modality})"))
        if table:
            self.notes.append(("table", f"{len(table)} rows: sex, age, manufacturer, scanner, site"))
        if self.damaged:
            self.notes.append(("left out", f"cases whose files the archive held damaged: {', '.join(self.damaged)}"))
        return chosen


def modality_of(id: str) -> str:
    """Return "ct" for ids up to 500, "mr" for those above, "" for an id that is not AMOS's."""
    number = NUMBER.match(id)
    return "" if number is None else "ct" if int(number[1]) <= LAST_CT else "mr"


def with_meta(case: Case, table: Mapping[int, Mapping[str, str]]) -> Case:
    """Add modality and a table's row to a case."""
    number = NUMBER.match(case.id)
    told = table.get(int(number[1]), {}) if number is not None else {}
    return replace(case, meta={**case.meta, "modality": modality_of(case.id).upper(), **told})

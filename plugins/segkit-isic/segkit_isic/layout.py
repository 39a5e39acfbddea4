"""The official folders of the challenge years, and which of them a root holds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segkit import SegkitError
from segkit.data.archives import unfinished
from segkit.errors import did_you_mean
from segkit.files import is_folder


@dataclass(frozen=True)
class Folders:
    """The folders of one split, relative to the data root."""

    images: str
    masks: str


YEARS: Mapping[str, Mapping[str, Folders]] = {
    "2016": {
        "train": Folders("ISBI2016_ISIC_Part1_Training_Data", "ISBI2016_ISIC_Part1_Training_GroundTruth"),
        "test": Folders("ISBI2016_ISIC_Part1_Test_Data", "ISBI2016_ISIC_Part1_Test_GroundTruth"),
    },
    "2017": {
        "train": Folders("ISIC-2017_Training_Data", "ISIC-2017_Training_Part1_GroundTruth"),
        "val": Folders("ISIC-2017_Validation_Data", "ISIC-2017_Validation_Part1_GroundTruth"),
        "test": Folders("ISIC-2017_Test_v2_Data", "ISIC-2017_Test_v2_Part1_GroundTruth"),
    },
    "2018": {
        "train": Folders("ISIC2018_Task1-2_Training_Input", "ISIC2018_Task1_Training_GroundTruth"),
        "val": Folders("ISIC2018_Task1-2_Validation_Input", "ISIC2018_Task1_Validation_GroundTruth"),
        "test": Folders("ISIC2018_Task1-2_Test_Input", "ISIC2018_Task1_Test_GroundTruth"),
    },
}
"""By year and split; 2016 has no validation split."""

DOWNLOAD_BASE = "https://isic-challenge-data.s3.amazonaws.com/"
MIRROR_VARIABLE = "SEGKIT_ISIC_MIRROR"
"""Environment variable with another base address, under which YEAR/NAME.zip lie as under the official one."""


def archive_urls(year: str) -> list[str]:
    """The archives of a year, one per folder: the official ones, or those of the mirror in the environment."""
    base = os.environ.get(MIRROR_VARIABLE) or DOWNLOAD_BASE
    return [f"{base.rstrip('/')}/{year}/{name}.zip" for name in folder_names(year)]


def folder_names(year: str) -> list[str]:
    """The folders of a year, images before masks, train before val before test."""
    return [name for folders in YEARS[year].values() for name in (folders.images, folders.masks)]


def detect_year(root: Path, wanted: str) -> str:
    """Return the challenge year whose folders lie in `root`.

    Args:
        wanted: a year, or "auto" for the one whose folders are found.

    Raises:
        SegkitError: the root is missing, holds no known folder, or holds several years and none was asked for.
    """
    present = list_folders(root)
    years = list(YEARS) if wanted == "auto" else [wanted]
    found = [year for year in years if present & set(folder_names(year))]
    if len(found) == 1:
        return found[0]
    if found:
        raise SegkitError(
            f"{root} holds the folders of {' and '.join(found)}", f"choose one with --set data.year={found[-1]}"
        )
    raise SegkitError(f"{root} holds no folder of {describe_years(years)}", way_out(root, present, years))


def describe_years(years: Sequence[str]) -> str:
    """Name the years and the first folder of each."""
    return ", ".join(f"ISIC {year} (such as {folder_names(year)[0]})" for year in years)


def list_folders(root: Path) -> set[str]:
    """The names of the folders in `root`; raises SegkitError where it cannot be listed."""
    try:
        with os.scandir(root) as entries:
            return {entry.name for entry in entries if is_folder(entry)}
    except FileNotFoundError:
        raise SegkitError(f"data root {root} does not exist", "check the path given to --data-root") from None
    except NotADirectoryError:
        raise SegkitError(f"data root {root} is not a folder", "give the folder that holds the ISIC folders") from None
    except OSError as error:
        raise SegkitError(f"data root {root} cannot be listed: {error.strerror}", "check its permissions") from None


def way_out(root: Path, present: set[str], years: Sequence[str]) -> str:
    """Say what to do with a root that holds no known folder: what looks right nearby, else where the data is."""
    known = {name for year in YEARS for name in folder_names(year)}
    other = sorted(present & known)
    if other:
        return f"it holds {other[0]}: leave out --set data.year, or give another root"
    if root.absolute().name in known:
        return f"did you mean the folder above it, {root.absolute().parent}?"
    for name in sorted(present):
        try:
            below = list_folders(root / name)
        except SegkitError:
            continue
        if below & known:
            return f"did you mean {root / name}?"
    if unfinished(root):
        return "its download is not finished: go on with segkit data download isic"
    packed = [name for name in sorted(known) if (root / f"{name}.zip").is_file()]
    if packed:
        return f"unpack {packed[0]}.zip there first"
    for name in sorted(present):
        guess = did_you_mean(name, known)
        if guess and name[:4].upper() in ("ISIC", "ISBI"):
            return f"the folder {name} has no official name{guess}"
    year = years[0] if len(years) == 1 else "2017"
    return f"give the folder that holds the unpacked archives, such as {archive_urls(year)[0]}"

"""Which files of a folder are images to predict: not what segkit wrote, not the masks beside the images, not litter."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path

from segkit.data.inventory import is_litter
from segkit.data.naming import COMPANION_ENDING, holds_images, holds_masks
from segkit.errors import SegkitError
from segkit.files import is_file, is_folder, parse_json
from segkit.jobs.predict.names import OVERLAYS, PROBABILITIES, RECORD, SIZES
from segkit.jobs.predict.record import LARGEST, maps_in
from segkit.rundir.names import CONFIG, ENVIRONMENT, EXPLANATIONS, MODEL

OTHER, OURS, MASKS, LITTER = "of another kind", "that segkit wrote", "in folders of masks", "of litter"
COMPANION = "made of images beside them (masks, superpixels)"
"""Why files are left out, to be read after "3 files"."""


def no_image(path: Path) -> bool:
    """What formats say that know images by their endings alone."""
    return False


def images_below(
    folder: Path, known: tuple[str, ...], written: Written, is_image: Callable[[Path], bool] = no_image
) -> tuple[list[Path], Counter[str]]:
    """List the images of a folder and of all folders in it, sorted; and count by reason what is left out.

    Args:
        known: endings of images, in small letters.
        written: what earlier predictions wrote.
        is_image: whether a format says so of a folder, or of a file with another ending.
    """
    found: list[Path] = []
    left_out: Counter[str] = Counter()
    for path, reason in sorted(files_below(folder, "", known, written, is_image)):
        if reason or not (path.name.lower().endswith(known) or is_image(path)):
            left_out[reason or OTHER] += 1
        else:
            found.append(path)
    stems = {path: (path.parent, stem_of(path, known)) for path in found}
    every = set(stems.values())
    images = [path for path in found if not is_companion(*stems[path], every)]
    if len(images) < len(found):
        left_out[COMPANION] += len(found) - len(images)
    return images, left_out


def stem_of(path: Path, known: tuple[str, ...]) -> str:
    """Return a file's name without the longest ending that fits, as .nii.gz is one."""
    ending = max((ending for ending in known if path.name.lower().endswith(ending)), key=len, default="")
    return path.name[: len(path.name) - len(ending)]


def is_companion(folder: Path, stem: str, stems: Set[tuple[Path, str]]) -> bool:
    """Whether a file is called like another one in its folder with what masks and the like have behind its name.

    The other one may be the first channel of several: ID_0000 beside ID_seg.
    """
    ending = COMPANION_ENDING.search(stem)
    if ending is None:
        return False
    image = stem[: ending.start()]
    return (folder, image) in stems or (folder, f"{image}_0000") in stems


def files_below(
    folder: Path, reason: str, known: tuple[str, ...], written: Written, is_image: Callable[[Path], bool] = no_image
) -> Iterator[tuple[Path, str]]:
    """Yield every file, and every folder that is an image, with the reason why it is left out, "" where there is none.

    A folder of masks, as datasets call them, is one only where there are images beside it or a folder of them.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise SegkitError(f"folder {folder} cannot be listed: {error.strerror}", "check its permissions") from None
    beside_images = any(
        holds_images(entry.name) if is_folder(entry) else is_image_name(entry.name, known) for entry in entries
    )
    reason = reason or (OURS if is_ours(folder) else "")
    for entry in entries:
        path = Path(entry.path)
        why = reason or (LITTER if is_litter(entry.name) else "")
        if entry.is_dir(follow_symlinks=False):
            masks = beside_images and holds_masks(entry.name)
            if not why and not masks and is_image(path):
                yield path, OURS if path in written else ""
            else:
                yield from files_below(path, why or (MASKS if masks else ""), known, written, is_image)
        elif is_file(entry):
            yield path, OURS if path in written else why
        else:
            yield path, why or OTHER  # a link to nowhere or to a folder, a named pipe


def is_image_name(name: str, known: tuple[str, ...]) -> bool:
    """Whether a file is called as images are."""
    return name.lower().endswith(known) and not is_litter(name)


def is_ours(folder: Path) -> bool:
    """Whether a folder as a whole is a run, or a run's or a file's explanations."""
    if (folder / CONFIG).is_file() and ((folder / ENVIRONMENT).is_file() or (folder / MODEL).is_file()):
        return True
    return folder.name == EXPLANATIONS and (folder / "index.json").is_file()


@dataclass(frozen=True)
class Written:
    """The files that `segkit predict` wrote, as the records in their folders say; each record is read once."""

    _known: dict[Path, frozenset[tuple[str, str]]] = field(default_factory=dict)

    def __contains__(self, path: Path) -> bool:
        """Whether a file is a label map, or a picture or probabilities of one; raises what `of` raises."""
        if path.parent.name in (OVERLAYS, PROBABILITIES):
            return path.name.rpartition(".")[0] in {stem for _, stem in self.of(path.parent.parent)}
        found = self.of(path.parent)
        return path.name in {name for name, _ in found} or (bool(found) and path.name in (RECORD, SIZES))

    def of(self, folder: Path) -> frozenset[tuple[str, str]]:
        """Return the label maps that a folder's record names, with what their pictures are called; none without one.

        Raises:
            SegkitError: there is a record, and it cannot be read: which of the files are predictions, nobody knows.
        """
        if folder not in self._known:
            self._known[folder] = read_record(folder / RECORD)
        return self._known[folder]


def read_record(record: Path) -> frozenset[tuple[str, str]]:
    """Read a record as `Written.of` returns it."""
    if not record.is_file():
        return frozenset()
    try:
        if record.stat().st_size > LARGEST:
            raise ValueError("it is too long")
        return frozenset((found.mask, found.name) for found in maps_in(parse_json(record.read_bytes())))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise SegkitError(
            f"{record} cannot be read ({reason}): which files beside it are predictions?",
            "give the images one by one, or move the predictions away",
        ) from None

"""Which NIfTI files are one image: one per channel, named ID_0000, ID_0001 and so on as nnU-Net does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod
from pathlib import Path

from segkit import UnusableFileError
from segkit_nifti.files import read_header, stem_of

CHANNEL = re.compile(r"_(\d{4})\Z")


def channel_of(path: Path) -> tuple[str, int] | None:
    """Return the id and the number of the channel that a file's name says, None where it says none."""
    stem = stem_of(path.name) or path.name
    match = CHANNEL.search(stem)
    return None if match is None or match.start() == 0 else (stem[: match.start()], int(match[1]))


def gather(paths: Sequence[Path], channels: int) -> list[tuple[str | None, tuple[Path, ...]]]:
    """Gather files to images of `channels` channels.

    Of one channel, files are cases of their own, as AMOS's amos_0001 and amos_0002 are; only where all end in _0000 is
    that the channel. Of several, files that hold all channels in a fourth dimension are images, whatever they end in.

    Returns:
        Name (None: the file's) and files of each image, channels in order, whether complete or not.
    """
    found = {path: channel_of(path) for path in paths}
    if channels == 1:
        suffixed = all(part is not None and part[1] == 0 for part in found.values())
        return [(part[0] if part is not None and suffixed else None, (path,)) for path, part in found.items()]
    groups: dict[tuple[Path, str], list[Path]] = {}
    images: list[tuple[str | None, tuple[Path, ...]]] = []
    for path, part in found.items():
        if part is None or volumes_in(path) == channels:
            images.append((None, (path,)))
        else:
            groups.setdefault((path.parent, part[0]), []).append(path)
    return [*images, *((id, tuple(sorted(files))) for (_, id), files in groups.items())]


def volumes_in(path: Path) -> int:
    """Return how many volumes a file's header promises, 0 where it cannot be read."""
    try:
        return prod(int(length) for length in read_header(path).get_data_shape()[3:])
    except UnusableFileError:
        return 0


def check_files(paths: Sequence[Path], channels: int) -> None:
    """Raise UnusableFileError where names say that files are not the channels from 0 on, in their order."""
    parts = [channel_of(path) for path in paths]
    if None in parts or (len(paths) == 1 and volumes_in(paths[0]) == channels):
        return
    ids = list(dict.fromkeys(part[0] for part in parts if part is not None))
    numbers = [part[1] for part in parts if part is not None]
    if channels == 1 and len(paths) == 1:
        return
    if len(ids) > 1:
        raise UnusableFileError(paths[1].name, f"is of another case than {paths[0].name}", "give one case's channels")
    missing = [f"{ids[0]}_{number:04}" for number in range(channels) if number not in numbers]
    if missing:
        count = f"the model takes {channels} channels"
        raise UnusableFileError(ids[0], f"lacks {' and '.join(missing)}: {count}", "lay all its channels side by side")
    if numbers != list(range(channels)):
        told = ", ".join(path.name for path in paths)
        raise UnusableFileError(
            ids[0],
            f"is given as {told}: the model takes {'channel 0' if channels == 1 else f'channels 0 to {channels - 1}'}",
            "give each channel once, in their order",
        )

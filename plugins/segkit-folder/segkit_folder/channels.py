"""Volumes of several channels, one file each, named ID_0000, ID_0001 and so on beside a mask ID."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from segkit.data.naming import MASK_ENDING
from segkit_folder.layout import Source
from segkit_folder.listing import Files
from segkit_nifti.channels import channel_of


def without_channels(source: Source) -> tuple[Source, dict[Path, tuple[Path, ...]]]:
    """Put each image's channels together.

    A number at an image's end is a channel where some image has number 0 and number 1, and no mask is called by the
    whole name as the masks of amos_0001 and amos_0002 are.

    Returns:
        The source with each image's first file under the image's id, and all files of each image by the first.
    """
    files = source.images.files
    masked = {stem for masks in source.masks.values() for stem in masks.files}
    groups = grouped(files, masked | {MASK_ENDING.sub("", stem) for stem in masked})
    if source.paired or not any(set(channels) >= {0, 1} for channels in groups.values()):
        return source, {}
    chosen = {id: tuple(path for _, path in sorted(channels.items())) for id, channels in groups.items()}
    alone = {stem: path for stem, path in files.items() if channel_of(path) is None or stem in masked}
    kept = {**alone, **{id: paths[0] for id, paths in chosen.items()}}
    images: Files = replace(source.images, files=dict(sorted(kept.items())))
    return replace(source, images=images), {paths[0]: paths for paths in chosen.values()}


def grouped(files: Mapping[str, Path], masked: Collection[str]) -> dict[str, dict[int, Path]]:
    """Return images by id and number, those left out whose whole name a mask has."""
    groups: dict[str, dict[int, Path]] = {}
    for stem, path in files.items():
        channel = channel_of(path)
        if channel is not None and stem not in masked:
            groups.setdefault(stem[: -len("_0000")], {})[channel[1]] = path
    return groups


def incomplete(channels: Mapping[Path, tuple[Path, ...]]) -> list[Path]:
    """Return the first file of each image that has not the channels that most have, from 0 on."""
    if not channels:
        return []
    numbers = {path: tuple((channel_of(part) or ("", -1))[1] for part in paths) for path, paths in channels.items()}
    usual = Counter(len(found) for found in numbers.values()).most_common(1)[0][0]
    return [path for path, found in numbers.items() if found != tuple(range(usual))]

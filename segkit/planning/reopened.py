"""The data of a finished run, found again."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from segkit.config import Layer, read_written
from segkit.data.dataset import DatasetReader
from segkit.discovery import Found, Registry
from segkit.planning.dataset import about_data, choose_dataset
from segkit.planning.replaced import Choice
from segkit.planning.said import Said


def reopen_data(
    config: Path,
    registry: Registry,
    data_root: str | None = None,
    tell: Callable[[str], None] | None = None,
    environ: Mapping[str, str] | None = None,
) -> tuple[DatasetReader, Found]:
    """Open the dataset that a run's config names, where it says, unless the environment or `data_root` say another.

    Raises:
        SegkitError: the data are not there, or the dataset's plugin is not installed.
    """
    layer = read_written(config)
    found = registry.find("data", str(layer.values.get("components.data")))
    given = [layer] if data_root is None else [layer, Layer("--data-root", {"data.root": data_root})]
    said = Said(given, os.environ if environ is None else environ, ("data",))
    reader, _ = choose_dataset(found, about_data(said.layers(Choice([("data", found)], ("data",))))).open(tell)
    return reader, found

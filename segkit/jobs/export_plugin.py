"""Write a trained network in a format that a plugin knows."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from segkit.declarations.parts import Exporter
from segkit.discovery import Registry
from segkit.errors import SegkitError, UsageError, did_you_mean
from segkit.files import new_part, real
from segkit.jobs.export import check_free
from segkit.model import load_model
from segkit.params import build


def export_by_plugin(
    registry: Registry, name: str, assignments: Iterable[str], checkpoint: Path, path: Path | None, *, force: bool
) -> dict[str, Any]:
    """Have a plugin write a network; returns what was written by what.

    Args:
        assignments: params of the exporter, PARAM=VALUE.
        path: beside the checkpoint where not given.

    Raises:
        UsageError: there is no such exporter or param, or the file's name does not end as the format's do.
        SegkitError: the plugin wrote nothing, or a file is there already.
    """
    known = [*Exporter.own, *(item.component.name for item in registry.components("exporter"))]
    if name.rpartition(":")[2] not in known:
        raise UsageError(f"--to {name}: no such format{did_you_mean(name, known)}", f"there are: {', '.join(known)}")
    found = registry.find("exporter", name)
    assert isinstance(found.component, Exporter)
    suffix = found.component.suffix
    path = path or checkpoint.with_suffix(suffix)
    if not path.name.endswith(suffix):
        raise UsageError(f"-o {path} does not end in {suffix}", f"that is what --to {name} is called")
    if real(path) == real(checkpoint):
        raise UsageError(f"{path} is the model itself", "name another file with -o")
    check_free(path, force=force)
    if not path.parent.is_dir():
        raise SegkitError(f"folder {path.parent} does not exist", "make it, or name another file with -o")
    settings = read_params(assignments)
    write = found.load()(build(found.component.params, settings, f"exporter {found.component.name}"))
    model = load_model(checkpoint, "cpu", registry)
    predictor = model.predictor
    example = torch.zeros(1, model.task.in_channels, *predictor.size)
    part, descriptor = new_part(path.parent)
    os.close(descriptor)
    try:
        with torch.no_grad():
            write(predictor.model.eval(), example, part)
        if not part.is_file() or not part.stat().st_size:
            made = f"the folder {part.name}, not a file" if part.is_dir() else "nothing"
            raise SegkitError(f"exporter {found.full_name} wrote {made}", "report it to its author")
        part.replace(path)
    finally:
        if not part.is_dir():  # what an exporter made in the place of our part is not ours to remove
            part.unlink(missing_ok=True)
    return {"exporter": found.full_name, "version": found.plugin.version, "file": str(path)}


def read_params(assignments: Iterable[str]) -> dict[str, str]:
    """Return the exporter's params as they were said; raises UsageError for what is not PARAM=VALUE."""
    settings = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set {text!r} is not PARAM=VALUE", "segkit info NAME shows an exporter's params")
        settings[name.strip()] = value.strip()
    return settings

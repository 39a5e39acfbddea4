"""Several models of one origin as one: their weights averaged (Wortsman et al. 2022, model soups)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from segkit.engine.checkpoint import KEY, read_model
from segkit.engine.sealed import write_sealed
from segkit.errors import SegkitError, UsageError
from segkit.rundir.names import MODEL

Header = Mapping[str, Any]
OWN = ("calibration", "scores")
"""What a model says of itself alone, and is not true of an average."""
INSTEAD = "average their predictions instead: segkit predict RUN RUN IMAGES -o DIR"


@dataclass(frozen=True)
class Averaged:
    """What was written.

    Attributes:
        started_from: name of the weights that all runs began with.
        parameters: numbers that were averaged.
    """

    models: int
    started_from: str
    parameters: int


def average_models(paths: Sequence[Path], target: Path, *, force: bool = False) -> Averaged:
    """Write the mean of models' weights as a model; whatever their order, it is the same file.

    Weights of runs that began anew, or elsewhere, lie around different minima, and their mean is no network: they are
    refused. Running statistics are averaged as weights are, counts are the largest.

    Raises:
        UsageError: fewer than two models, one of them twice, or the file is there and `force` is not given.
        SegkitError: they are not of one network, data and origin.
    """
    if len(paths) < 2:
        raise UsageError("one model has no average", "give several runs that started from the same weights")
    if target.exists() and not force:
        raise UsageError(f"{target.name} is there already", "give another --output, or --force")
    models = [(path, *read_model(path)) for path in paths]
    check_together([(path, header) for path, _, header in models])
    weights = [tensors for _, tensors, _ in models]
    for place, (path, tensors, _) in enumerate(models):
        if any(same(tensors, other) for other in weights[:place]):
            raise UsageError(f"{path.parent.name or path.name} is given twice", "give each model once")
    mean = {name: mean_of([tensors[name] for tensors in weights]) for name in weights[0]}
    write_sealed(target, KEY, header_of([header for _, _, header in models]), mean)
    source = models[0][2]["started_from"]
    return Averaged(len(models), source["source"], sum(tensor.numel() for tensor in mean.values()))


def same(first: Mapping[str, torch.Tensor], second: Mapping[str, torch.Tensor]) -> bool:
    """Whether two models are equal bit for bit."""
    return all(torch.equal(value, second[name]) for name, value in first.items())


def check_together(models: Sequence[tuple[Path, Header]]) -> None:
    """Raise SegkitError where models are not of one network, data and origin."""
    path, first = models[0]
    for other, header in models[1:]:
        for what, key in (("network", network_of), ("classes", task_of), ("images", images_of)):
            if key(first) != key(header):
                raise SegkitError(f"{name_of(other)} and {name_of(path)} are not of the same {what}", INSTEAD)
    for other, header in models:
        origin = header.get("started_from")
        if origin is None:
            raise SegkitError(
                f"{name_of(other)} did not start from weights: what it learnt lies elsewhere than in any other run",
                f"train runs with --from one model; or {INSTEAD}",
            )
        if origin["digest"] != first["started_from"]["digest"]:
            raise SegkitError(f"{name_of(other)} and {name_of(path)} started from different weights", INSTEAD)


def name_of(path: Path) -> str:
    """The run's name, or the file's."""
    return path.parent.name if path.name == MODEL else path.name


def network_of(header: Header) -> Any:
    """The architecture with its params."""
    found = next(item for item in header["components"] if item["kind"] == "arch")
    return found["name"], found["params"]


def task_of(header: Header) -> Any:
    """What the network was built for."""
    return header["task"]


def images_of(header: Header) -> Any:
    """How images are shown to the network."""
    return {name: value for name, value in header["preprocessing"].items() if name not in ("mirror", "turn", "overlap")}


def mean_of(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the mean in the tensors' own type, whatever their order; the largest of whole numbers."""
    stacked = torch.stack(list(tensors))
    if not stacked.is_floating_point():
        return stacked.amax(dim=0)
    # Sorted: sums of numbers of different size depend on their order.
    return stacked.double().sort(dim=0).values.mean(dim=0).to(stacked.dtype)


def header_of(headers: Sequence[Header]) -> dict[str, Any]:
    """Return what the average says of itself: the first one's in some fixed order, and what is true of all."""
    ordered = sorted(headers, key=lambda header: repr(sorted(header.items())))
    merged = {name: value for name, value in ordered[0].items() if name not in OWN}
    if all("trained_on" in header for header in headers):
        merged["trained_on"] = sorted({digest for header in headers for digest in header["trained_on"]})
    else:
        merged.pop("trained_on", None)
    selected = [str(split) for header in headers if (split := header.get("selected_on")) is not None]
    return {
        **merged,
        "weights": f"average of {len(headers)} runs",
        "averaged": len(headers),
        # What any of them was chosen by, all were.
        "selected_on": min(selected, default=None),
        "generated_sample": any(header.get("generated_sample") for header in headers),
    }

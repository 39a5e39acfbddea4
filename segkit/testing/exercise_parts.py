"""Every kind of part used once, as a run would: what comes out of it, for comparison."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from segkit.testing.subjects import ComponentSubject


def optimizer(subject: ComponentSubject, params: Any) -> list[Any]:
    """Weights after steps with and without weight decay."""
    from segkit.testing.optimizers import Fit

    return [Fit(subject, decay=decay, params=params).step(times=8).values() for decay in (0.0, 0.3)]


def schedule(subject: ComponentSubject, params: Any) -> list[Any]:
    """The shares over a run."""
    from segkit.testing.optimizers import PLACES

    function = subject.factory(params)
    return [float(function(place)) for place in PLACES]


def augmentation(subject: ComponentSubject, params: Any) -> list[Any]:
    """Many draws of one sample: a probability shows in their number only."""
    from segkit.testing.augmentations import applied, dims_of, sample

    return [applied(subject, *sample(dims), seed, params=params) for dims in dims_of(subject)[:1] for seed in range(30)]


def normalization(subject: ComponentSubject, params: Any) -> list[Any]:
    """The rows of several images."""
    from segkit.testing.intensities import SIZES, images, measured

    return [measured(subject, image, params) for image in images(SIZES[0], 2)]


def sampler(subject: ComponentSubject, params: Any) -> list[Any]:
    """Epochs over cases with and without labels."""
    from segkit.testing.samplers import CASES, drawn

    return [drawn(subject, cases, 40, epoch, params) for cases in CASES.values() for epoch in (1, 2)]


def postprocess(subject: ComponentSubject, params: Any) -> list[Any]:
    """Label maps of several numbers of classes."""
    from segkit.testing.outputs import NUMBERS, SIZES, labels_of, stepped

    return [stepped(subject, labels_of(size, number), number, params) for size in SIZES for number in NUMBERS]


def exporter(subject: ComponentSubject, params: Any) -> list[Any]:
    """The bytes of a small network's file."""
    import torch

    from segkit.testing.explainers import make_network

    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        path = Path(folder) / "part"
        subject.factory(params)(make_network(), torch.zeros(1, 3, 16, 24), path)
        return [path.read_bytes()]


def section(subject: ComponentSubject, params: Any) -> list[Any]:
    """What is shown of a small run."""
    from segkit.testing.sections import run_directory

    with run_directory() as folder:
        return [subject.factory(params)(folder)]


def searcher(subject: ComponentSubject, params: Any) -> list[Any]:
    """The values of a small study's trials."""
    from segkit.testing.searchers import study, swept

    with study(subject, params=params) as opened:
        return [dict(trial.values) for trial in swept(opened)]


PARTS: Mapping[str, Callable[[ComponentSubject, Any], list[Any]]] = {
    "optimizer": optimizer,
    "schedule": schedule,
    "augmentation": augmentation,
    "normalization": normalization,
    "sampler": sampler,
    "postprocess": postprocess,
    "exporter": exporter,
    "section": section,
    "searcher": searcher,
}

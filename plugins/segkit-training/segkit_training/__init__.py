"""Parts of training: optimizers, schedules, augmentations, intensity normalisations and samplers."""

from __future__ import annotations

__version__ = "0.1.0"

from segkit import Augmentation, Normalization, Optimizer, Sampler, Schedule, hookimpl
from segkit_training import params

ISENSEE = (
    "Isensee et al.: nnU-Net: a self-configuring method for deep learning-based biomedical image segmentation. "
    "Nature Methods 2021, doi:10.1038/s41592-020-01008-z"
)


@hookimpl
def segkit_parts() -> list[Optimizer | Schedule | Augmentation | Normalization | Sampler]:
    """Return optimizers, schedules, augmentations, normalisations and samplers."""
    return [*own_optimizers(), *own_schedules()]


def own_optimizers() -> list[Optimizer]:
    """Return the optimizers."""
    return [
        Optimizer(
            name="sgd",
            factory="segkit_training.optimizers:sgd",
            summary="Stochastic gradient descent with Nesterov's momentum, as nnU-Net trains.",
            params=params.Sgd,
            reference=ISENSEE,
        ),
        Optimizer(
            name="from-torch",
            factory="segkit_training.optimizers:from_torch",
            summary="Any optimizer of torch.optim that steps without a closure, by its class's name.",
            params=params.FromTorch,
            reference="https://pytorch.org/docs/stable/optim.html",
        ),
    ]


def own_schedules() -> list[Schedule]:
    """Return the schedules."""
    return [
        Schedule(
            name="polynomial",
            factory="segkit_training.schedules:polynomial",
            summary="(1 - done) to a power, as nnU-Net and DeepLab lower the learning rate.",
            params=params.Polynomial,
            reference=ISENSEE,
        ),
        Schedule(
            name="stepwise",
            factory="segkit_training.schedules:steps",
            summary="A factor less at each of some shares of the run.",
            params=params.Steps,
        ),
    ]

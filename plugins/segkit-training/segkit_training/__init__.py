"""Parts of training: optimizers, schedules, augmentations, intensity normalisations and samplers."""

from __future__ import annotations

__version__ = "0.1.0"

from segkit import Augmentation, Normalization, Optimizer, Sampler, Schedule, hookimpl

ISENSEE = (
    "Isensee et al.: nnU-Net: a self-configuring method for deep learning-based biomedical image segmentation. "
    "Nature Methods 2021, doi:10.1038/s41592-020-01008-z"
)

TORCHIO = (
    "Perez-Garcia et al.: TorchIO. Computer Methods and Programs in Biomedicine 2021, doi:10.1016/j.cmpb.2021.106236"
)


@hookimpl
def segkit_parts() -> list[Optimizer | Schedule | Augmentation | Normalization | Sampler]:
    """Return optimizers, schedules, augmentations, normalisations and samplers."""
    return [
        *own_optimizers(),
        *own_schedules(),
        *own_augmentations(),
        *own_normalizations(),
        *own_samplers(),
    ]


def own_optimizers() -> list[Optimizer]:
    """Return the optimizers."""
    return [
        Optimizer(
            name="sgd",
            factory="segkit_training.optimizers:sgd",
            summary="Stochastic gradient descent with Nesterov's momentum, as nnU-Net trains.",
            params="segkit_training.params:Sgd",
            reference=ISENSEE,
        ),
        Optimizer(
            name="from-torch",
            factory="segkit_training.optimizers:from_torch",
            summary="Any optimizer of torch.optim that steps without a closure, by its class's name.",
            params="segkit_training.params:FromTorch",
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
            params="segkit_training.params:Polynomial",
            reference=ISENSEE,
        ),
        Schedule(
            name="stepwise",
            factory="segkit_training.schedules:steps",
            summary="A factor less at each of some shares of the run.",
            params="segkit_training.params:Steps",
        ),
    ]


def own_augmentations() -> list[Augmentation]:
    """Return the augmentations."""
    return [
        Augmentation(
            name="gamma",
            factory="segkit_training.augmentations:gamma",
            summary="A random power of the values within the image's own range.",
            params="segkit_training.params:Gamma",
            reference=ISENSEE,
        ),
        Augmentation(
            name="gaussian-blur",
            factory="segkit_training.augmentations:blur",
            summary="A Gaussian of random width.",
            params="segkit_training.params:Blur",
            reference=ISENSEE,
        ),
        Augmentation(
            name="holes",
            factory="segkit_training.augmentations:holes",
            summary="Boxes of the image that are set to 0.",
            params="segkit_training.params:Holes",
            reference="DeVries, Taylor: Improved Regularization of Convolutional Neural Networks with Cutout. 2017, "
            "https://arxiv.org/abs/1708.04552",
        ),
        *scanner_augmentations(),
    ]


def scanner_augmentations() -> list[Augmentation]:
    """Return those that do what MR scanners do to images."""
    return [
        Augmentation(
            name="bias-field",
            factory="segkit_training.scanner:bias_field",
            summary="A smooth field that makes parts of the image brighter, as coils do.",
            params="segkit_training.params:BiasField",
            reference="Van Leemput et al.: Automated Model-Based Tissue Classification of MR Images of the Brain. "
            "IEEE TMI 1999, doi:10.1109/42.811270",
        ),
        Augmentation(
            name="ghosting",
            factory="segkit_training.scanner:ghosting",
            summary="Weak copies of the image along one axis, as of breathing.",
            params="segkit_training.params:Ghosting",
            reference=TORCHIO,
        ),
        Augmentation(
            name="motion",
            factory="segkit_training.scanner:motion",
            summary="A spectrum of several poses, as of a patient who moves.",
            params="segkit_training.params:Motion",
            reference="Shaw et al.: MRI k-Space Motion Artefact Augmentation. MIDL 2019, "
            "https://proceedings.mlr.press/v102/shaw19a.html",
        ),
        Augmentation(
            name="low-resolution",
            factory="segkit_training.scanner:low_resolution",
            summary="Coarser sampling, along all axes or as thick slices.",
            params="segkit_training.params:LowResolution",
            reference=ISENSEE,
        ),
    ]


def own_normalizations() -> list[Normalization]:
    """Return the intensity normalisations."""
    return [
        Normalization(
            name="percentile",
            factory="segkit_training.normalizations:percentile",
            summary="From one percentile of each case and channel to another, as 0 to 1.",
            params="segkit_training.params:Percentile",
        ),
        Normalization(
            name="robust",
            factory="segkit_training.normalizations:robust",
            summary="By median and quartiles of each case and channel, also of what is not 0 alone.",
            params="segkit_training.params:Robust",
        ),
        Normalization(
            name="value-range",
            factory="segkit_training.normalizations:value_range",
            summary="One range for every case, as 0 to 1: values keep what they mean.",
            params="segkit_training.params:ValueRange",
        ),
    ]


def own_samplers() -> list[Sampler]:
    """Return the samplers."""
    return [
        Sampler(
            name="balanced",
            factory="segkit_training.samplers:balanced",
            summary="Each class as likely: a case that has it, parts of volumes centred on it.",
            params="segkit_training.params:Balanced",
            suits=("rare-classes",),
        ),
        Sampler(
            name="foreground-share",
            factory="segkit_training.samplers:foreground_share",
            summary="A share of the samples with foreground, the others of cases without any.",
            params="segkit_training.params:ForegroundShare",
        ),
    ]

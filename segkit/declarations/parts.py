"""Further kinds of component, all from one hook: parts of training, of scoring, and of what is written at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from segkit.declarations.component import Component, check_words
from segkit.declarations.kinds import KINDS

# A class without fields of its own is a dataclass by what it inherits; decorating each took 6 ms of every start.


class Part(Component):
    """A component that a setting names; each kind has its own class.

    Attributes:
        setting: the dotted name of the field that names it; empty where a command does.
        own: what the core carries out itself, a summary by name; no plugin can take these names.
    """

    setting: ClassVar[str] = ""
    own: ClassVar[Mapping[str, str]] = {}

    def __post_init__(self) -> None:
        super().__post_init__()
        taken = sorted({self.name, *self.aliases} & {*self.own})
        if taken:
            raise ValueError(f"{self.kind} {taken[0]!r} is the core's: give it another name")


class Optimizer(Part):
    """An optimizer: factory(groups, params) -> torch.optim.Optimizer, which steps without a closure.

    `groups` are those of torch, each with "params", "lr" and "weight_decay"; the engine sets "lr" before every step.
    What it keeps per parameter is tensors and numbers, so that a run can be resumed.
    """

    kind: ClassVar[str] = "optimizer"
    setting: ClassVar[str] = "train.optimizer"
    own: ClassVar[Mapping[str, str]] = {
        "adam": "Adam: steps by running means of the gradient and of its square.",
        "adamw": "Adam with weight decay apart from the gradient.",
    }


class Schedule(Part):
    """A schedule: factory(params) -> fn(done) -> share of the highest learning rate.

    `done` goes from 0 to 1 over the run after its warm-up, which is the core's (`train.warmup`).
    """

    kind: ClassVar[str] = "schedule"
    setting: ClassVar[str] = "train.schedule"
    own: ClassVar[Mapping[str, str]] = {
        "constant": "The highest rate all the way, without a warm-up.",
        "cosine": "Down to zero along half a cosine, after the warm-up.",
    }


@dataclass(frozen=True, kw_only=True)
class Augmentation(Part):
    """An augmentation: factory(task, params) -> fn(image, mask, random) -> (image, mask) of one sample.

    `image` is (C, *S) float32 as the network will see it, `mask` (*S) int64, both on the device and free to be changed;
    `random` is a numpy Generator that depends on seed, epoch and sample alone: all randomness comes from it.

    Attributes:
        spatial_dims: what it can change.
        moves: it moves pixels, so that what was made of the mask before does not fit any more.
    """

    kind: ClassVar[str] = "augmentation"
    setting: ClassVar[str] = "augment.further"

    spatial_dims: tuple[int, ...] = (2, 3)
    moves: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.spatial_dims not in ((2,), (3,), (2, 3)):
            raise ValueError(f"augmentation {self.name}: spatial_dims must be (2,), (3,) or (2, 3)")


class Normalization(Part):
    """An intensity normalisation: factory(params) -> fn(image) -> (low, high, mean, std), each (C,) numbers.

    `image` is one whole case (C, *S) as a numpy array in the file's own unit (uint8 in 0 to 1). The core clips its
    values to `low` and `high`, subtracts `mean` and divides by `std`, in training and prediction alike.
    """

    kind: ClassVar[str] = "normalization"
    setting: ClassVar[str] = "data.normalization"
    own: ClassVar[Mapping[str, str]] = {
        "unit": "Values as they are, those of 8 bits divided by 255.",
        "image": "Each image by its own mean and deviation, channel by channel.",
        "dataset": "By mean and deviation of all training images.",
        "fixed": "By data.mean and data.std.",
        "ct": "Clipped to data.window or the foreground's percentiles, by the foreground's mean and deviation.",
        "body": "Each volume by mean and deviation of what is not air around the body.",
    }


@dataclass(frozen=True, kw_only=True)
class Sampler(Part):
    """A sampler: factory(task, params) -> fn(labels, count, random) -> `count` pairs (case, label or None).

    `labels` says per training case which foreground labels it has; `random` is a numpy Generator of the epoch. Parts of
    volumes are centred on a voxel of the label where one is given, and lie anywhere where it is None.

    Attributes:
        suits: what `segkit plan` may choose it for: "rare-classes".
    """

    kind: ClassVar[str] = "sampler"
    setting: ClassVar[str] = "data.sampler"

    suits: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_words(self, "suits", self.suits)


class PostProcessing(Part):
    """A step after prediction: factory(task, params) -> fn(labels) -> labels, (*S) uint8 on the case's own grid."""

    kind: ClassVar[str] = "postprocess"
    setting: ClassVar[str] = "evaluate.postprocess"


@dataclass(frozen=True, kw_only=True)
class Exporter(Part):
    """An exporter: factory(params) -> fn(network, example, path), which writes one file.

    `network` is the module in eval mode on the CPU, `example` (1, C, *S) float32 at its working size; `path` is to be
    written, and takes its place once it is.

    Attributes:
        suffix: end of the file's name, such as ".pt".
    """

    kind: ClassVar[str] = "exporter"
    own: ClassVar[Mapping[str, str]] = {
        "onnx": "ONNX, checked against the network on the CPU.",
        "torch-export": "A graph of torch.export, as .pt2.",
    }

    suffix: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.suffix.startswith(".") or "/" in self.suffix:
            raise ValueError(f"exporter {self.name}: suffix must be the end of a file's name, such as '.pt'")


class ReportSection(Part):
    """A section of a run's page: factory(params) -> fn(folder) -> segkit.SectionContent, or None.

    `folder` is the run's directory, to read from; summary.json, cases.csv and the predictions are there.
    """

    kind: ClassVar[str] = "section"


class Searcher(Part):
    """What suggests the trials of a sweep: factory(params) -> fn(study: segkit.StudyInfo) -> searcher.

    `suggest(number, trials)` returns the values of a new trial by setting, given the `segkit.Trial`s so far; it is
    called by one process of the study at a time. It may have `report(number, scores)`, which is given the score of each
    epoch so far and answers whether to stop the trial, and `tell(trial)`, of one that has ended.
    """

    kind: ClassVar[str] = "searcher"
    own: ClassVar[Mapping[str, str]] = {"random": "Values drawn at random, each trial for itself."}


class Launcher(Component):
    """Something that runs a command line elsewhere: factory(params) -> submit(arguments, folder), state(id), cancel.

    A job is a `segkit run --resume DIR`, nothing is pickled. `submit` takes the command line as a list and the folder
    of its logs and returns an id, text; `state` answers "waiting", "running", "finished", "failed" or "unknown";
    docs/plugin-api.md has what else the object may answer.
    """

    kind: ClassVar[str] = "launcher"


PARTS: Mapping[str, type[Part]] = {
    cls.kind: cls
    for cls in (
        Optimizer,
        Schedule,
        Augmentation,
        Normalization,
        Sampler,
        PostProcessing,
        Exporter,
        ReportSection,
        Searcher,
    )
}
EVERY_KIND: Mapping[str, type[Component]] = {**KINDS, **PARTS, Launcher.kind: Launcher}
"""The five kinds that a run is made of, then the others, in the order in which they are listed."""


class OwnPart(NamedTuple):
    """A part that the core carries out itself: it has no factory, and its params are settings.

    Attributes:
        setting: the field that names it; empty where a command does.
    """

    kind: str
    name: str
    summary: str
    setting: str


def own_parts(name: str | None = None) -> list[OwnPart]:
    """Return what the core carries out itself, or those of them that bear a name, by kind and name."""
    return [
        OwnPart(kind, own, summary, cls.setting)
        for kind, cls in PARTS.items()
        for own, summary in sorted(cls.own.items())
        if name in (None, own)
    ]

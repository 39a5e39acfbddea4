"""What a plugin declares: five kinds of component, described without importing torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, ClassVar, Literal

from segkit.declarations.component import Component, check_path, check_words, check_words_or_path
from segkit.declarations.direction import Direction
from segkit.params import describe

TILES = "tiles"
"""Mode of every dataset of photographs, whatever it declares: a network is shown parts of them at their resolution."""
VOLUME_MODE_DIMS = {"slices": 2, "slab": 2, "patches": 3, TILES: 2}
"""Modes that the core carries out part by part, with the spatial dims of what a network is given."""
CORE_DATA_FIELDS = frozenset(
    [
        "root",
        "mode",
        "size",
        "normalization",
        "mean",
        "std",
        "window",
        "spacing",
        "slab",
        "resolution",
        "patches",
        "foreground",
        "sampler",
    ]
)
"""Settings `data.*` of the core (segkit/settings.py): a dataset's param of that name could not be set."""
LOSS_ASKS = ("epoch", "spacing", "map")
READERS = "readers"
"""Value of a metric's param that is to be taken from how far the readers who drew the data are apart."""
EXPORT_FORMATS = ("torch-export", "onnx")
EXPORT_LEVEL = re.compile(r"dynamic\Z|(static|none): \S")


@dataclass(frozen=True)
class Task:
    """What a dataset asks of a network.

    `classes` are the foreground names in label order (label 1 first); label 0 is background, and a mask holds labels,
    (*S). Where `overlapping`, a pixel may be of several classes: each logit is a yes or no of its own, and masks and
    predictions are (classes, *S) of 0, 1, and in masks 255.
    """

    in_channels: int
    classes: tuple[str, ...]
    spatial_dims: int = 2
    overlapping: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.classes, tuple) or not self.classes:
            raise TypeError(f"Task.classes must be a tuple of foreground names, not {self.classes!r}")
        if self.in_channels < 1 or self.spatial_dims not in (2, 3):
            raise ValueError(f"Task needs in_channels >= 1 and spatial_dims 2 or 3, not {self}")

    @property
    def out_channels(self) -> int:
        """K: one logit per class where they overlap; else 1 for one class, one per class and background for several."""
        return len(self.classes) if self.overlapping or len(self.classes) == 1 else len(self.classes) + 1

    def mask_shape(self, grid: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of a mask, and of a prediction, on a grid *S."""
        return (len(self.classes), *grid) if self.overlapping else tuple(grid)


@dataclass(frozen=True, kw_only=True)
class Architecture(Component):
    """A network: factory(task, params) -> nn.Module with x (N, C, *S) -> logits (N, K, *S).

    The module may carry `size_minimum` (smallest side it takes) and `size_multiple` (what export graphs need).

    Attributes:
        spatial_dims: what it can be built for: (2,), (3,) or (2, 3).
        layers: dotted module names that explain it, such as {"last": "...", "middle": "..."}; or "package.module:name"
            of layers(params), which returns them where they depend on the params.
        sized: its factory also takes `size`, the working size S that it is built for.
        defaults: per spatial dims, the config fields and own params that a first run should use,
            such as {2: {"arch.norm": "instance"}}; `segkit info` shows them.
        settings: "package.module:name" of settings(task, params) -> the config fields that follow from the params, such
            as the normalisation that pretrained weights were trained with; stronger than a recipe, weaker than what
            people say. Imports what is heavy only where the params need it.
        small: own params of the smallest sensible variant, over the defaults: what `segkit check` builds.
        parts: name -> dotted names of its modules, such as {"encoder": ("down", "middle"), "head": ("classify",)}: what
            `train.freeze` and `train.rates` call by name.
        offers: what explainers may need of it, such as "attention" or "dropout": words between their authors; or
            "package.module:name" of offers(params), which returns them where they depend on the params. "dropout" is
            modules of torch's Dropout family that drop something.
        export: format ("torch-export", "onnx") -> "dynamic", or "static: " and why the graph takes the traced size
            only, or "none: " and why there is no such graph; a format that is not named is dynamic.
        pretrained: "package.module:name" of pretrained(params) -> segkit.data.pretrained.PretrainedWeights | None: the
            published weights that its param `pretrained` (true, false or a file) starts with; None: there are none.
        variants: own params of networks that `segkit plan` chooses among by what they cost on the device, the smallest
            first, such as ({"width": 16}, {"width": 32}). It also sets params `depth`, how often the grid is halved,
            `spacing`, the grid's, and `checkpointing`, which saves memory, where there are such.
        suits: what it may be taken for where nobody names one: "any-data".
    """

    kind: ClassVar[str] = "arch"

    spatial_dims: tuple[int, ...] = (2,)
    layers: Mapping[str, str] | str = field(default_factory=dict)
    defaults: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    settings: str = ""
    small: Mapping[str, Any] = field(default_factory=dict)
    export: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sized: bool = False
    offers: tuple[str, ...] | str = ()
    pretrained: str = ""
    variants: tuple[Mapping[str, Any], ...] = ()
    suits: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.spatial_dims not in ((2,), (3,), (2, 3)):
            raise ValueError(f"arch {self.name}: spatial_dims must be (2,), (3,) or (2, 3), not {self.spatial_dims!r}")
        if not set(self.defaults) <= set(self.spatial_dims):
            raise ValueError(f"arch {self.name}: defaults must be keyed by spatial dims, not {list(self.defaults)}")
        if self.settings:
            check_path(self, "settings", self.settings)
        if self.pretrained:
            check_path(self, "pretrained", self.pretrained)
        check_words_or_path(self, "offers", self.offers)
        if isinstance(self.layers, str):
            check_path(self, "layers", self.layers)
        check_words(self, "suits", self.suits)
        if not isinstance(self.variants, tuple) or not all(isinstance(one, Mapping) for one in self.variants):
            raise TypeError(f"arch {self.name}: variants must be a tuple of params by name, not {self.variants!r}")
        for part, modules in self.parts.items():
            # A name alone would be taken apart into its letters.
            if not isinstance(modules, tuple) or not modules:
                raise TypeError(f"arch {self.name}: parts[{part!r}] must be a tuple of module names, not {modules!r}")
        for format, level in self.export.items():
            if format not in EXPORT_FORMATS or not EXPORT_LEVEL.match(level):
                raise ValueError(
                    f"arch {self.name}: export must give 'dynamic', 'static: <reason>' or 'none: <reason>' for "
                    f"{EXPORT_FORMATS}, not {format!r}: {level!r}"
                )

    def check_params(self, params: Any) -> None:
        """Also: `small` names params that are there, and what is declared pretrained can be chosen."""
        super().check_params(params)
        for attribute, named in (("small", (self.small,)), ("variants", self.variants)):
            unknown = {name for one in named for name in one} - set(params.__dataclass_fields__)
            if unknown:
                raise ValueError(f"arch {self.name}: {attribute} names no param: {', '.join(sorted(unknown))}")
        if self.pretrained and "pretrained" not in params.__dataclass_fields__:
            raise ValueError(f"arch {self.name}: it declares pretrained weights, and has no param pretrained")


@dataclass(frozen=True, kw_only=True)
class Dataset(Component):
    """A dataset: factory is a class as `segkit.data.dataset.DatasetReader` describes it.

    Attributes:
        modes: name -> spatial dims of what a network is given, the preferred one first.
        configs: name -> "package:path/in/package.toml", run configs shipped with the plugin
            (`segkit run --config NAME-OF-DATASET:NAME`).
        homepage: where the data comes from, shown beside the generated sample.
    """

    kind: ClassVar[str] = "data"

    modes: Mapping[str, int] = field(default_factory=lambda: {"images": 2})
    configs: Mapping[str, str] = field(default_factory=dict)
    homepage: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.modes, Mapping) or not self.modes or not set(self.modes.values()) <= {2, 3}:
            raise ValueError(f"data {self.name}: modes must give 2 or 3 spatial dims by name, not {self.modes!r}")
        wrong = [mode for mode, dims in self.modes.items() if VOLUME_MODE_DIMS.get(mode, dims) != dims]
        if wrong:
            raise ValueError(f"data {self.name}: mode {wrong[0]} has {VOLUME_MODE_DIMS[wrong[0]]} spatial dims")

    @property
    def offered(self) -> Mapping[str, int]:
        """Every mode: those declared, and tiles where photographs are shown whole."""
        whole = any(dims == 2 and mode not in VOLUME_MODE_DIMS for mode, dims in self.modes.items())
        return {**self.modes, TILES: 2} if whole else self.modes

    def check_params(self, params: Any) -> None:
        """Also: no param bears the name of a setting of the core."""
        super().check_params(params)
        taken = sorted(CORE_DATA_FIELDS & set(params.__dataclass_fields__))
        if taken:
            raise ValueError(
                f"data {self.name}: {', '.join(taken)} is a setting of the core: give the param another name"
            )


@dataclass(frozen=True, kw_only=True)
class Loss(Component):
    """A loss: factory(task, params) -> fn(logits (N, K, *S), mask (N, *S) int64) -> (N,), mean over valid pixels.

    With `scope="batch"` the function returns a scalar that exists only over the batch. What is returned may be an
    nn.Module: it is moved to the device, and its parameters are trained with the network's.

    Attributes:
        overlapping: it can be built for a task of overlapping classes; the mask is then (N, K, *S) of 0, 1 and 255.
        soft: it takes soft targets too: the mask may be float32 (N, K, *S), in the order of the logits: of one class
            its share, of several the shares of background and each class, which add up to 1, of overlapping ones that
            of each; 255 in all channels, or in an overlapping class's plane, is ignored. A target of 0 and 1 has the
            value of the mask that it says.
        asks: what else the function is given, as keywords: "epoch" (counted from 1) with "epochs", "spacing"
            ((N, axes) in mm, or None), "map" (N, M, *S), which `case_map` made.
        case_map: "package.module:name" of case_map(mask (*S), spacing, task, params) -> (M, *S) numbers, called once
            per case on the working grid when its store is opened, and moved with the image.
    """

    kind: ClassVar[str] = "loss"

    scope: Literal["sample", "batch"] = "sample"
    overlapping: bool = False
    soft: bool = False
    asks: tuple[str, ...] = ()
    case_map: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scope not in ("sample", "batch"):
            raise ValueError(f"loss {self.name}: scope must be 'sample' or 'batch', not {self.scope!r}")
        if not isinstance(self.asks, tuple) or not {*self.asks} <= {*LOSS_ASKS}:
            raise ValueError(f"loss {self.name}: asks must be some of {LOSS_ASKS}, not {self.asks!r}")
        if ("map" in self.asks) != bool(self.case_map):
            raise ValueError(f"loss {self.name}: asks for a map and case_map, which makes it, go together")
        if self.case_map:
            check_path(self, "case_map", self.case_map)
        if self.soft and self.case_map:
            raise ValueError(f"loss {self.name}: case_map is of one mask, and a soft target is of several")


@dataclass(frozen=True, kw_only=True)
class Metric(Component):
    """A metric: `measure` takes what is needed from one case, factory(task, params) turns it into scores.

    Attributes:
        measure: "package.module:name" of measure(prediction, mask, spacing, task, options) -> Measurement.
            Metrics with equal measure and options share one pass over the case.
        needs: "labels", or "probabilities": then `measure` is measure(mask, spacing, task, options) ->
            fn(probabilities, block) -> sums, called once per case and the function block by block in a fixed order.
            Probabilities are float32 (K, *block), the foreground's for one class, else one per label; `block` says
            which part of the case's own grid; what it returns, int64 or float64 arrays by name, is added up into
            `Measurement.sums`.
        unit: "" for a ratio; of "mm", "mm2", "mm3" and "ml" the core knows that they are pixels where no case has a
            spacing, any other is shown as it is.
        range: smallest and largest value.
        target: the value that is best where neither larger nor smaller ones are, such as 0 of a signed bias; what is
            ranked is then each value's distance from it, and higher_is_better says nothing.
        over: "case", or "cases" for a measure of all cases together, such as limits of agreement: factory(task, params)
            then returns fn(measurements) -> (classes,), given those of all cases without their distances. It is in no
            case table, and neither the main metric nor what selects.
        poolable: counts may be summed over cases before the score is derived.
        overlapping: it may be taken of overlapping classes: the core measures them one by one, each as the one class
            of a task, and gives all of them to the score together.
        from_readers: "package.module:name" of from_readers(task, params, measurements) -> params, called where people
            set one of its params to "readers": given what `measure` gives between every two readers of each case, as
            an iterator, it returns the params with what follows from that, such as a tolerance.
    """

    kind: ClassVar[str] = "metric"

    measure: str = ""
    needs: Literal["labels", "probabilities"] = "labels"
    unit: str = ""
    range: tuple[float, float] = (0.0, 1.0)
    higher_is_better: bool = True
    target: float | None = None
    over: Literal["case", "cases"] = "case"
    poolable: bool = False
    overlapping: bool = False
    from_readers: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_path(self, "measure", self.measure)
        if self.from_readers:
            check_path(self, "from_readers", self.from_readers)
            if self.needs == "probabilities" or self.over == "cases":
                raise ValueError(f"metric {self.name}: from_readers is given labels of single cases")
        if self.needs not in ("labels", "probabilities"):
            raise ValueError(f"metric {self.name}: needs must be 'labels' or 'probabilities', not {self.needs!r}")
        if self.over not in ("case", "cases"):
            raise ValueError(f"metric {self.name}: over must be 'case' or 'cases', not {self.over!r}")
        if self.over == "cases" and (self.poolable or self.needs == "probabilities"):
            raise ValueError(f"metric {self.name}: over='cases' is given every case: neither pooled nor probabilities")
        if not (len(self.range) == 2 and self.range[0] < self.range[1]):
            raise ValueError(f"metric {self.name}: range must be (smallest, largest), not {self.range!r}")
        if not isinstance(self.unit, str) or (self.unit and not self.unit.isprintable()):
            raise ValueError(f"metric {self.name}: unit must be a word such as 'mm', not {self.unit!r}")
        if self.target is not None and not (isfinite(self.target) and self.range[0] <= self.target <= self.range[1]):
            raise ValueError(f"metric {self.name}: target must be a number in its range, not {self.target!r}")

    def check_params(self, params: Any) -> None:
        """Also: what is taken from the readers can be asked for."""
        super().check_params(params)
        if self.from_readers and not any(READERS in info.type.split(" | ") for info in describe(params).values()):
            raise ValueError(
                f"metric {self.name}: from_readers needs a param that may be {READERS!r}, such as "
                f"`tolerance: tuple[float, ...] | Literal[{READERS!r}]`"
            )

    @property
    def direction(self) -> Direction:
        """Which values are better."""
        return Direction(self.higher_is_better, self.target)


@dataclass(frozen=True, kw_only=True)
class Explainer(Component):
    """An explainer: factory(params) -> fn(model, x, layer | None, target) -> raw signed maps, a status per sample.

    Attributes:
        layered: it explains a layer that people choose; otherwise it is given None.
        several: the function takes a list of targets and returns one result each, from one forward pass.
        overlapping: it explains models of overlapping classes too.
        needs: what a network has to offer, such as ("dropout",), or the pair is refused before torch is imported.
        map: "attribution": what speaks for the target, signed; or "uncertainty": how unsure the network is of each
            pixel, from 0 to 1, of no layer and no class. What is asked of the one is whether it follows the model, of
            the other whether it is high where the model is wrong.
    """

    kind: ClassVar[str] = "explainer"

    layered: bool = True
    several: bool = False
    overlapping: bool = False
    needs: tuple[str, ...] = ()
    map: Literal["attribution", "uncertainty"] = "attribution"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_words(self, "needs", self.needs)
        if self.map not in ("attribution", "uncertainty"):
            raise ValueError(f"explainer {self.name}: map must be 'attribution' or 'uncertainty', not {self.map!r}")
        if self.map == "uncertainty" and (self.layered or self.several):
            raise ValueError(f"explainer {self.name}: uncertainty is of no layer and no target: say layered=False")


KINDS: dict[str, type[Component]] = {cls.kind: cls for cls in (Architecture, Dataset, Loss, Metric, Explainer)}

"""Explain a volume, or a tiled photograph, as its model is applied to it: by slices, slabs or windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import torch

from segkit.declarations import Task
from segkit.engine.volumes import VolumePredictor
from segkit.explain.case import BuiltExplainer, RawMaps, choose_layer, explanations, raw_maps
from segkit.explain.evidence import agreement, measure_evidence
from segkit.explain.explanation import UNCERTAINTY, Explanation
from segkit.explain.heat import divided_by_maximum, to_working_grid
from segkit.explain.images import Wish, chosen_classes
from segkit.explain.layers import LayerPath
from segkit.explain.targets import EMPTY, OK, BoundTarget, Target, find_in_labels
from segkit.explain.uncertainty import EVERYWHERE, on_own_grid, whole_map
from segkit.explain.verdict import judge

UNCERTAINTY_ORDER = "values from 0 to 1 per window, upsample, crop, blend as inference does, resize to the own grid"
ORDER = (
    "raw per window, upsample, crop, blend as inference does, resize to the volume's grid, relu, divide by the maximum"
)
"""What is done to the raw maps of windows, in this order; recorded with every explanation."""


@dataclass
class Fullest:
    """The part of a volume with the most target voxels of one target, on which evidence is measured.

    Attributes:
        voxels: in it; 0 where there was none yet.
        x: (1, C, *window), normalised.
        result: what the explainer gave there.
    """

    voxels: int = 0
    x: torch.Tensor | None = None
    result: RawMaps | None = None


@dataclass
class WindowMaps:
    """Takes the place of a window's scores: the raw maps of every target, upsampled to the window.

    The pixels of the targets are those of the whole volume, cropped: they come as channels behind the image's.

    Attributes:
        scores_sum, voxels: by target, over all windows.
        fullest: by target.
    """

    predictor: VolumePredictor
    explainer: BuiltExplainer
    wish: Wish
    targets: Sequence[Target]
    layer: str | None = None
    chosen: bool = False
    scores_sum: list[float] = field(default_factory=list)
    voxels: list[int] = field(default_factory=list)
    fullest: list[Fullest] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    named: str = ""

    def __post_init__(self) -> None:
        self.scores_sum = [0.0] * len(self.targets)
        self.voxels = [0] * len(self.targets)
        self.fullest = [Fullest() for _ in self.targets]

    def scores(self, values: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
        """Return signed raw maps (N, targets, *size) of windows (N, channels + masks, *size)."""
        channels = self.predictor.task.in_channels
        x, masks = values[:, :channels], values[:, channels:] > 0.5
        maps = values.new_zeros(len(values), len(self.targets), *size)
        # Where no target has a voxel there is nothing to explain, and nothing is run.
        some = masks.flatten(1).any(dim=1).nonzero()[:, 0]
        if not len(some):
            return maps
        x, masks = x[some], masks[some]
        if not self.chosen:
            self.layer = choose_layer(self.predictor.model, self.explainer, self.wish.layer, self.wish.declared, x[:1])
            self.chosen = True
        bound = [
            BoundTarget(target, self.predictor.task, masks=masks[:, place]) for place, target in enumerate(self.targets)
        ]
        results = raw_maps(self.predictor.model, x, self.explainer, self.layer, bound)
        for place, result in enumerate(results):
            maps[some, place] = to_working_grid(result.maps, size, result.padding)
            self.note(place, x, masks[:, place], result)
        return maps

    def note(self, place: int, x: torch.Tensor, masks: torch.Tensor, result: RawMaps) -> None:
        """Keep what is known of one target in some windows."""
        self.named, self.notes = result.layer, dict(result.notes)
        voxels = masks.flatten(1).sum(dim=1)
        self.voxels[place] += int(voxels.sum())
        if result.target.scores is not None:
            self.scores_sum[place] += float(result.target.scores.sum())
        most = int(voxels.argmax())
        if int(voxels[most]) > self.fullest[place].voxels:
            bound = BoundTarget(result.target.target, self.predictor.task, masks=masks[most : most + 1].clone())
            bound.scores = result.target.scores[most : most + 1] if result.target.scores is not None else None
            part = replace(result, maps=result.maps[most : most + 1].clone(), status=(OK,), target=bound)
            self.fullest[place] = Fullest(int(voxels[most]), x[most : most + 1].clone(), part)


@dataclass(frozen=True)
class MapPredictor(VolumePredictor):
    """A predictor whose scores are raw maps.

    Attributes:
        maps: what is done with each window.
    """

    maps: WindowMaps | None = None

    @property
    def score_channels(self) -> int:
        """One per target."""
        assert self.maps is not None
        return len(self.maps.targets)

    @property
    def window(self) -> Any:
        """What windows go through."""
        return self.maps

    def _normaliser(self, image: np.ndarray) -> Callable[[np.ndarray], torch.Tensor]:
        """Return what normalises parts of the image's own channels; those of the masks behind stay 0 or 1."""
        assert self.maps is not None
        count = len(self.maps.targets)
        normalise = super()._normaliser(image[: len(image) - count])

        def apply(values: np.ndarray) -> torch.Tensor:
            slices = values.shape[1] // len(image)
            apart = values.reshape(len(values), slices, len(image), *values.shape[2:])
            own, masks = apart[:, :, : len(image) - count], apart[:, slices // 2, len(image) - count :]
            normalised = normalise(own.reshape(len(values), -1, *values.shape[2:]))
            return torch.cat([normalised, torch.from_numpy(masks.astype(np.float32)).to(normalised.device)], dim=1)

        return apply


def explain_volume(
    predictor: VolumePredictor,
    image: np.ndarray,
    explainers: Sequence[BuiltExplainer],
    wish: Wish,
    *,
    spacing: Sequence[float] | None = None,
    reference: np.ndarray | None = None,
    prediction: np.ndarray | None = None,
) -> list[Explanation]:
    """Explain one volume (C, D, H, W), or a photograph by tiles; arguments and results as of `explain_image`.

    The target's voxels are found in the whole volume's prediction. Each part's signed raw map is brought to the
    volume's grid as its scores would be; the heat map is made of the whole once. `raw` is the blended map on the
    volume's grid. Deletion, insertion and randomisation are measured on the part with the most target voxels.
    """
    own = image.shape[1:]
    prediction = predictor.labels(image, own, spacing) if prediction is None else prediction
    targets = [target.on_grid(own, own) for target in chosen_classes(wish, predictor.task, prediction, reference)]
    masks = target_voxels(targets, predictor.task, prediction, reference)
    found = []
    for explainer in explainers:
        if explainer.map == UNCERTAINTY:
            everywhere = torch.ones(own, dtype=torch.bool)
            maps, raw = walk(predictor, image, explainer, wish, [EVERYWHERE], [everywhere], spacing)
            result = whole_map(raw[0].clip(0, 1), maps.fullest[0].result)
            seen = None if wish.evidence is None else (reference, prediction)
            one = on_own_grid(result, explainer, task_of_image(predictor), own, own, seen)
            found.append(replace(one, meta=whole_meta(predictor, one, UNCERTAINTY_ORDER)))
            continue
        maps, raw = walk(predictor, image, explainer, wish, targets, masks, spacing)
        made = [
            volume_explanation(maps, place, raw[place], masks[place].numpy(), explainer)
            for place in range(len(targets))
        ]
        if wish.evidence is not None:
            made = [
                with_evidence(predictor, maps, place, one, explainer, wish, reference, prediction)
                for place, one in enumerate(made)
            ]
        found += made
    return found


def target_voxels(
    targets: Sequence[Target], task: Task, prediction: np.ndarray, reference: np.ndarray | None
) -> list[torch.Tensor]:
    """Return the voxels of each target, bool (*S), in the whole volume."""
    # The only sample's axis comes behind that of overlapping classes, where the prediction has one.
    axis = 1 if task.overlapping else 0
    return [
        find_in_labels(
            target,
            torch.from_numpy(prediction.astype(np.int64)).unsqueeze(axis),
            None if reference is None else torch.from_numpy(reference.astype(np.int64))[None],
            task,
        )[0]
        for target in targets
    ]


def walk(
    predictor: VolumePredictor,
    image: np.ndarray,
    explainer: BuiltExplainer,
    wish: Wish,
    targets: Sequence[Target],
    masks: Sequence[torch.Tensor],
    spacing: Sequence[float] | None,
) -> tuple[WindowMaps, np.ndarray]:
    """Explain a volume part by part; returns what is known of the parts, and the blended maps (targets, *S)."""
    own = image.shape[1:]
    stacked = np.concatenate([image, torch.stack(list(masks)).numpy().astype(image.dtype)])
    base = {item.name: getattr(predictor, item.name) for item in fields(predictor)}
    maps = WindowMaps(predictor, explainer, wish, targets)
    walker = MapPredictor(**base, maps=maps)
    raw = np.zeros((len(targets), *own), np.float32)
    for planes, values in walker.scores(stacked, own, spacing, 0):
        raw[:, planes] = values.cpu().numpy()
    return maps, raw


def volume_explanation(
    maps: WindowMaps, place: int, raw: np.ndarray, mask: np.ndarray, explainer: BuiltExplainer
) -> Explanation:
    """Return one target's explanation of the whole volume."""
    predictor, target, voxels = maps.predictor, maps.targets[place], int(mask.sum())
    mean = maps.scores_sum[place] / max(maps.voxels[place], 1)
    bound = BoundTarget(target, predictor.task, masks=torch.from_numpy(mask)[None])
    bound.scores = torch.tensor([mean * voxels])
    whole = torch.from_numpy(raw)[None]
    result = RawMaps(whole, (OK if voxels else EMPTY,), bound, padding_of(raw), maps.named, maps.notes)
    (one,) = explanations(result, explainer, task_of_image(predictor), raw.shape, raw.shape)
    heat = divided_by_maximum(whole.relu())[0].numpy()
    return replace(one, heat=heat, meta=whole_meta(predictor, one, ORDER))


def whole_meta(predictor: VolumePredictor, one: Explanation, order: str) -> dict[str, Any]:
    """Return what is known of a map that was put together from parts."""
    return {**one.meta, "order": order, "working_size": list(predictor.size), "mode": predictor.preprocessing.mode}


def padding_of(raw: np.ndarray) -> Any:
    """Return the padding of a map that covers its volume."""
    from segkit.explain.heat import Padding

    return Padding(raw.shape, (0,) * raw.ndim)


def task_of_image(predictor: VolumePredictor) -> Task:
    """Return the task with the axes of the whole image, whatever parts of it the network is shown."""
    return replace(predictor.task, spatial_dims=predictor.image_dims)


def with_evidence(
    predictor: VolumePredictor,
    maps: WindowMaps,
    place: int,
    one: Explanation,
    explainer: BuiltExplainer,
    wish: Wish,
    reference: np.ndarray | None,
    prediction: np.ndarray,
) -> Explanation:
    """Return the explanation with its evidence: beside the masks of the whole, the rest on its fullest part."""
    assert wish.evidence is not None
    label = maps.targets[place].label or 0
    gathered: dict[str, Any] = {
        "reference": agreement(one.heat, reference, label, predictor.task),
        "prediction": agreement(one.heat, prediction, label, predictor.task),
        "target": None,
        "curves": None,
        "randomisation": None,
    }
    part = maps.fullest[place]
    if part.result is not None and part.x is not None and one.status == OK:
        size = tuple(part.x.shape[2:])
        (window,) = explanations(part.result, explainer, predictor.task, size, size)
        middle = wish.declared.get("middle")
        (measured,) = measure_evidence(
            predictor.model,
            part.x,
            explainer,
            maps.layer,
            [part.result],
            [window],
            reference=None,
            prediction=None,
            middle=LayerPath.parse(middle).module if middle else None,
            settings=wish.evidence,
        )
        gathered |= {key: measured[key] for key in ("target", "curves", "randomisation")}
        gathered["part"] = f"curves and randomisation on the part with most of the target ({part.voxels} voxels)"
    gathered["verdict"], gathered["words"] = judge(one, gathered)
    return replace(one, evidence=gathered)

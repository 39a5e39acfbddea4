"""A trained model, rebuilt from one checkpoint file and ready to apply."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch

from segkit.data.case import Sample
from segkit.data.check import problem_of
from segkit.data.opening import Opener
from segkit.data.photographs import pixels_of
from segkit.declarations import Task
from segkit.discovery import Found, Registry
from segkit.engine.calibration import calibration_of
from segkit.engine.checkpoint import read_model
from segkit.engine.device import choose_device
from segkit.engine.infer import Predictor
from segkit.engine.postprocess import postprocessing
from segkit.engine.preprocessing import Preprocessing
from segkit.engine.turns import turn_at
from segkit.engine.volumes import VolumePredictor, make_predictor
from segkit.errors import SegkitError, UsageError
from segkit.explain.any_image import explain_any
from segkit.explain.case import build_explainer
from segkit.explain.evidence import EvidenceSettings
from segkit.explain.explanation import Explanation
from segkit.explain.images import Wish
from segkit.explain.targets import parse_target
from segkit.params import build
from segkit.planning.offers import check_offers
from segkit.planning.overlapping import check_overlapping
from segkit.planning.rebuilt import (
    build_network,
    built_steps,
    check_preprocessing,
    find_needed,
    load_weights,
    tell_version,
    turns_in_training,
    with_measure,
    with_mirrored,
)
from segkit.planning.shown import check_window
from segkit.settings import Evaluate

logger = logging.getLogger("segkit")
Image = np.ndarray | PIL.Image.Image | str | Path | Sequence[str | Path]
"""A file, the files of a volume's channels, a Pillow image, or an array (C, *S)."""


@dataclass(frozen=True)
class Model:
    """A trained model with its preprocessing.

    `predict` and `explain` may be called from several threads: they read images at once and take turns at the network.

    Attributes:
        task: what it was trained for; class names in label order.
        header: all that the checkpoint says of itself: components, params, data, scores, versions.
        opener: reads image files as the model takes them.
        postprocess: what the run did to a label map (*S) before it was scored; None for nothing.
        sized: the network is built for the size that it was trained at.
    """

    task: Task
    header: Mapping[str, Any] = field(repr=False)
    predictor: Predictor | VolumePredictor = field(repr=False)
    opener: Opener = field(repr=False)
    postprocess: Callable[[np.ndarray], np.ndarray] | None = field(default=None, repr=False)
    sized: bool = field(default=False, repr=False)

    @property
    def image_channels(self) -> int:
        """Channels of an image; a network that is shown several slices at once takes more."""
        return self.predictor.channels

    @property
    def image_dims(self) -> int:
        """Spatial axes of an image: 3 for volumes, also where the network is shown slices."""
        return self.predictor.image_dims

    @property
    def image_task(self) -> Task:
        """Channels and axes of an image, and the classes."""
        return replace(self.task, in_channels=self.image_channels, spatial_dims=self.image_dims)

    def predict(self, image: Image, spacing: Sequence[float] | None = None) -> np.ndarray:
        """Return the label map (*S) uint8 of one image at its own size.

        Args:
            image: a file, which is read as `segkit predict` reads it, photographs upright; a list of files that hold a
                channel of a volume each, in their order; a Pillow image, turned upright and given the channels that the
                model takes; or an array (C, *S), uint8,
                int16 or float32, with the channels the model was trained on, channels first. Where it was trained on
                photographs, floats are taken to lie in 0 to 1.
            spacing: mm per voxel along each axis of S, for models that work at a spacing of their own; a file has its
                own.

        Raises:
            UsageError: another number of axes or channels, another type, NaN or infinite values, or no spacing where
                one is needed.
            SegkitError: the file cannot be read.
        """
        return self.labels(self.sample(image, spacing))

    def labels(self, sample: Sample) -> np.ndarray:
        """Return the label map of what `sample` gave, changed as the run's predictions were before they were scored."""
        with turn_at(self.predictor.model):
            labels = self.predictor.labels(sample.image, sample.shape, sample.spacing)
        return labels if self.postprocess is None else self.postprocess(labels)

    def sample(self, image: Image, spacing: Sequence[float] | None = None) -> Sample:
        """Read or check an image, as `predict` describes it."""
        if isinstance(image, PIL.Image.Image):
            image = pixels_of(image, self.image_channels)
        if not isinstance(image, np.ndarray):
            paths = [Path(image)] if isinstance(image, (str, Path)) else [Path(path) for path in image]
            if not paths:
                raise UsageError("no image was given", "give a file, the files of its channels, or an array")
            size = None if self.predictor.volumes else self.predictor.size
            opened = self.opener.open(paths, self.image_task, size)
            for remark in opened.remarks:
                logger.warning("%s %s", paths[0].name, remark)
            return opened
        sample = Sample(image, spacing=None if spacing is None else tuple(spacing))
        self.check(sample)
        return sample

    @property
    def architecture(self) -> tuple[Found, Any]:
        """The architecture and the params that it was built with."""
        arch = next(item for item in self.header["components"] if item["kind"] == "arch")
        found = self.opener.registry.find("arch", arch["name"])
        return found, build(found.component.params, arch["params"], f"arch {found.component.name}")

    @property
    def layers(self) -> Mapping[str, str]:
        """The layers that the architecture names, such as "last" and "middle", by dotted module name."""
        found, params = self.architecture
        return found.layers(params)

    def explain(
        self,
        image: Image,
        explainer: str,
        target: str = "predicted",
        *,
        layer: str | None = None,
        reference: np.ndarray | None = None,
        params: Mapping[str, Any] | None = None,
        evidence: bool = False,
        spacing: Sequence[float] | None = None,
    ) -> Explanation:
        """Explain why the model gives some pixels of an image a class.

        Args:
            image, spacing: as of `predict`.
            explainer: name of an installed one (`segkit list`).
            target: `[margin:]SET[:NUMBER][:CLASS]`, such as "fp:lesion" or "pixel:120,80"; without a class that with
                the most predicted pixels.
            layer: dotted name, "last", "middle" or "auto"; "middle" or else "auto" where not given.
            reference: mask (*S) on the image's own grid, needed for some targets and part of the evidence.
            params: of the explainer.
            evidence: also measure whether to believe the map.

        Raises:
            UsageError: an unknown explainer, param, set, class or layer, or what `predict` raises.
            SegkitError: the model's logits or the map are not finite, or the file cannot be read.
        """
        registry = self.opener.registry
        found = registry.find("explainer", explainer)
        check_overlapping(self.task, [found], registry)
        check_offers(*self.architecture, [found], registry)
        built = build_explainer(found, build(found.component.params, params or {}, f"explainer {found.component.name}"))
        settings = EvidenceSettings() if evidence else None
        wish = Wish(parse_target(target, self.task), 1, layer, self.layers, settings)
        sample = self.sample(image, spacing)
        with turn_at(self.predictor.model):
            (explanation,) = explain_any(self.predictor, sample, [built], wish, reference, self.labels(sample))
        return replace(explanation, image=sample.image if isinstance(sample.image, np.ndarray) else None)

    def _repr_html_(self) -> str:
        """What a notebook shows: what the model is, and its scores."""
        from segkit.report.notebook import model_html

        return model_html(self.header)

    def check(self, sample: Sample) -> None:
        """Raise UsageError where an array is not an image as the model takes them."""
        image = sample.image
        if image.ndim != self.image_dims + 1 or image.shape[0] != self.image_channels:
            raise UsageError(
                f"the image has shape {image.shape}, the model takes {self.image_channels} channels and "
                f"{self.image_dims} axes",
                "give channels first, as in image.transpose(2, 0, 1)",
            )
        problem = problem_of(sample, self.image_task)
        if problem is not None:
            raise UsageError(problem, "give finite values, converted for instance with image.astype(numpy.float32)")

    def adjusted(self, *, mirror: bool | None = None, turn: bool | None = None, overlap: float | None = None) -> Model:
        """Return the model with other settings of inference.

        Args:
            mirror: average over copies mirrored as in training, or not; as it is where not given.
            turn: average over copies turned by quarters, too, or not; as it is where not given.
            overlap: share of a window that its neighbours cover too; means nothing where images are shown whole.

        Raises:
            UsageError: mirrored copies are asked for and training mirrored nothing, or turned ones and it turned none.
        """
        predictor = self.predictor
        if mirror and not predictor.mirror and predictor.mirrored == ():
            raise UsageError(
                "the model was trained without mirroring: it has never seen a mirrored copy, left may be right to it",
                "leave --tta out, or train with augment.flip",
            )
        if turn and not predictor.turn and not turns_in_training(self.header, self.task, predictor.size):
            raise UsageError(
                "the model was trained without turning images by quarters, or on a grid that is no square",
                "say --set evaluate.turn=false",
            )
        mirror = predictor.mirror if mirror is None else mirror
        turn = predictor.turn if turn is None else turn
        if not predictor.volumes:
            return replace(self, predictor=replace(predictor, mirror=mirror, turn=turn))
        settings = predictor.preprocessing
        settings = replace(settings, mirror=mirror, turn=turn, overlap=settings.overlap if overlap is None else overlap)
        return replace(self, predictor=replace(predictor, preprocessing=settings))

    def windowed(self, window: Sequence[int] | None) -> Model:
        """Return the model that shows its network patches or tiles of another size; None: as in training.

        Raises:
            UsageError: it is shown images whole, the window has another number of sides, or it takes its own size only.
        """
        predictor = self.predictor
        if not predictor.volumes:
            check_window(window, "images", predictor.size, sized=self.sized)
            return self
        settings = predictor.preprocessing
        check_window(window, settings.mode, settings.size, sized=self.sized)
        if settings.turn and window is not None and window[-1] != window[-2]:
            raise UsageError("evaluate.window is no square, and copies are turned", "say --set evaluate.turn=false")
        changed = replace(settings, window=None if window is None else tuple(window))
        return replace(self, predictor=replace(predictor, preprocessing=changed))


def load_model(path: Path, device: str, registry: Registry) -> Model:
    """Rebuild a model from its checkpoint; nothing is unpickled.

    Raises:
        SegkitError: the file is not whole, of a newer format, or its architecture is not installed or has changed.
    """
    weights, header = read_model(path)
    try:
        task = Task(**{**header["task"], "classes": tuple(header["task"]["classes"])})
        preprocessing = with_mirrored(Preprocessing.from_dict(header["preprocessing"]), header, task)
        check_preprocessing(preprocessing, task)
        preprocessing = with_measure(preprocessing, path, header, registry)
        arch = next(item for item in header["components"] if item["kind"] == "arch")
        full_name, version, settings = arch["name"], arch["version"], arch["params"]
        dataset = next((item["name"] for item in header["components"] if item["kind"] == "data"), None)
        steps = build(Evaluate, dict(header.get("postprocess", {})), f"post-processing in {path.name}")
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        raise SegkitError(f"{path.name}: its header is damaged ({error!r})", "copy the file again") from None
    found = find_needed(path, registry, "arch", full_name, version)
    tell_version(path, found, version)
    network = build_network(path, found, task, settings, version, weights, preprocessing.size)
    load_weights(path, network, weights, full_name)
    chosen = choose_device(device)
    layout = torch.channels_last if task.spatial_dims == 2 else torch.channels_last_3d
    network = network.eval().to(chosen).to(memory_format=layout)
    calibration = calibration_of(header, task.classes, task.out_channels, path.name)
    predictor = make_predictor(network, task, preprocessing, chosen, calibration=calibration)
    further = built_steps(path, header, registry, task, steps)
    sized = bool(getattr(found.component, "sized", False))
    return Model(task, header, predictor, Opener(registry, dataset), postprocessing(steps, task, further), sized)

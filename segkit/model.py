"""A trained model, rebuilt from one checkpoint file and ready to apply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from segkit.declarations import Task
from segkit.discovery import Found, Registry
from segkit.engine.checkpoint import read_model
from segkit.engine.device import choose_device
from segkit.engine.infer import Predictor
from segkit.engine.preprocessing import Preprocessing
from segkit.engine.volumes import VolumePredictor, make_predictor
from segkit.errors import SegkitError, UsageError
from segkit.params import build, describe


@dataclass(frozen=True)
class Model:
    """A trained model with its preprocessing.

    Attributes:
        task: what it was trained for; class names in label order.
        header: all that the checkpoint says of itself: components, params, data, scores, versions.
    """

    task: Task
    header: Mapping[str, Any]
    predictor: Predictor | VolumePredictor

    @property
    def image_channels(self) -> int:
        """Channels of an image; a network that is shown several slices at once takes more."""
        return self.predictor.channels

    @property
    def image_dims(self) -> int:
        """Spatial axes of an image: 3 for volumes, also where the network is shown slices."""
        return self.predictor.image_dims

    def predict(self, image: np.ndarray, spacing: Sequence[float] | None = None) -> np.ndarray:
        """Return the label map (*S) uint8 of one image (C, *S) at its own size.

        Args:
            image: uint8, int16 or float32 with the channels the model was trained on, channels first.
            spacing: mm per voxel along each axis of S, for models that work at a spacing of their own.

        Raises:
            UsageError: another number of axes or channels, or no spacing where one is needed.
        """
        if image.ndim != self.image_dims + 1 or image.shape[0] != self.image_channels:
            raise UsageError(
                f"the image has shape {image.shape}, the model takes {self.image_channels} channels and "
                f"{self.image_dims} axes",
                "give channels first, as in image.transpose(2, 0, 1)",
            )
        return self.predictor.labels(image, spacing=spacing)


def load_model(path: Path, device: str, registry: Registry) -> Model:
    """Rebuild a model from its checkpoint; nothing is unpickled.

    Raises:
        SegkitError: the file is not whole, of a newer format, or its architecture is not installed or has changed.
    """
    weights, header = read_model(path)
    try:
        task = Task(**{**header["task"], "classes": tuple(header["task"]["classes"])})
        preprocessing = Preprocessing.from_dict(header["preprocessing"])
        arch = next(item for item in header["components"] if item["kind"] == "arch")
        full_name, version, settings = arch["name"], arch["version"], arch["params"]
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        raise SegkitError(f"{path.name}: its header is damaged ({error!r})", "copy the file again") from None
    found = find_architecture(path, registry, full_name, version)
    network = build_network(path, found, task, settings, version)
    load_weights(path, network, weights, full_name)
    chosen = choose_device(device)
    layout = torch.channels_last if task.spatial_dims == 2 else torch.channels_last_3d
    network = network.eval().to(chosen).to(memory_format=layout)
    return Model(task, header, make_predictor(network, task, preprocessing, chosen))


def find_architecture(path: Path, registry: Registry, full_name: str, version: str) -> Found:
    """Find the architecture; where it is missing, name the distribution to install."""
    try:
        return registry.find("arch", full_name)
    except SegkitError as error:
        distribution = full_name.partition(":")[0]
        raise SegkitError(
            f"{path.name} needs {full_name} {version}: {error.message}", f"pip install {distribution}=={version}"
        ) from None


def build_network(path: Path, found: Found, task: Task, settings: Mapping[str, Any], version: str) -> nn.Module:
    """Build the network with the params of the checkpoint, except those that mattered only where training started."""
    known = describe(found.component.params)
    kept = {name: value for name, value in settings.items() if name not in known or not known[name].start}
    try:
        params = build(found.component.params, kept, f"arch {found.component.name}")
    except UsageError as error:
        raise SegkitError(
            f"{path.name} was written for {found.full_name} {version}, installed is {found.plugin.version}: "
            f"{error.message}",
            f"pip install {found.plugin.name}=={version}",
        ) from None
    network: nn.Module = found.load()(task, params)
    return network


def load_weights(path: Path, network: nn.Module, weights: Mapping[str, torch.Tensor], full_name: str) -> None:
    """Load the weights; raises SegkitError that lists the first keys that differ."""
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    different = [name for name in sorted({*expected, *found}) if expected.get(name) != found.get(name)]
    if different:
        shown = "; ".join(f"{name} is {found.get(name)}, expected {expected.get(name)}" for name in different[:3])
        raise SegkitError(
            f"{path.name} does not fit {full_name}: {len(different)} tensors differ: {shown}",
            "install the version of the plugin that wrote it",
        )
    network.load_state_dict(dict(weights))

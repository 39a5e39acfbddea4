"""Write a trained network as a graph that runs without segkit, checked on images, with all else described beside it."""

from __future__ import annotations

import hashlib
import importlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from segkit.data.case import Sample
from segkit.declarations import Architecture, Task
from segkit.discovery import Registry
from segkit.engine.infer import check_finite
from segkit.engine.quiet import quiet
from segkit.errors import SegkitError
from segkit.files import alone_in, read_json, write_json, write_whole
from segkit.jobs.export_steps import steps
from segkit.model import Model
from segkit.padding import pad_to_multiple
from segkit.version import __version__

FORMATS = {"onnx": ".onnx", "torch-export": ".pt2"}
TOLERANCE = 1e-3
"""Largest difference of a logit that is accepted, as a share of the largest logit."""
LABELS_EQUAL = 0.999
"""Not all: where two labels' logits are nearer than that difference, either of them may win."""
INPUT, OUTPUT = "images", "logits"
"""Names of the graph's input and output."""
Call = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Graph:
    """An exported network.

    Attributes:
        data: the file's bytes.
        call: runs it on normalised images (N, C, *S), S multiples of the network's `size_multiple`.
        dynamic: whether it takes any batch and size, or only the traced ones.
        size: the traced size.
        runtime: what ran it for the check.
    """

    data: bytes
    call: Call
    dynamic: bool
    size: tuple[int, ...]
    runtime: str


@dataclass
class Comparison:
    """How far a graph is from the network it was made of.

    Attributes:
        images: how many were compared.
        difference: largest one of any logit; `largest`: the largest logit.
        equal: smallest share of an image's pixels whose label is the same.
    """

    images: int = 0
    difference: float = 0.0
    largest: float = 0.0
    equal: float = 1.0

    def check(self) -> None:
        """Raise SegkitError where the graph is another function."""
        if not self.difference <= TOLERANCE * max(self.largest, 1.0) or self.equal < LABELS_EQUAL:
            raise SegkitError(
                f"the exported graph gives something else than the network: logits differ by {self.difference:.3g} "
                f"(the largest is {self.largest:.3g}), labels agree on {self.equal:.2%}",
                "nothing was written; export to the other format, or report it to the architecture's author",
            )


def check_free(path: Path, *, force: bool) -> None:
    """Raise SegkitError where the graph's file or the one that describes it is there already.

    A description that stands alone is what an export left that was killed: of this graph it is written anew.
    """
    beside = described_in(path)
    left = not path.exists() and describes(beside, path.name)
    for written in (path, beside):
        if written.exists() and not force and not left:
            raise SegkitError(f"{written} exists already", "say --force to replace it, or name another with -o")


def described_in(path: Path) -> Path:
    """The file that describes a graph."""
    return path.with_name(f"{path.name}.json")


def describes(path: Path, graph: str) -> bool:
    """Whether a file describes a graph of this name."""
    try:
        found = read_json(path, dict)
    except SegkitError:
        return False
    return "segkit" in found and found.get("graph") == graph


def export_model(
    model: Model, kind: str, path: Path, samples: Sequence[Sample], level: str, *, force: bool = True
) -> dict[str, Any]:
    """Write the graph, and a JSON file beside it that says how to use it, after comparing both on images.

    The description is there first: killed at any moment, a graph that is new has its own, and the digest in it tells.

    Args:
        model: on the CPU.
        kind: "onnx" or "torch-export".
        samples: images as the model takes them.
        level: "dynamic", or why the graph takes one size only, as the architecture declares it.
        force: replace what is there.

    Returns:
        What the JSON file holds.

    Raises:
        SegkitError: a library is missing, the network cannot be exported, the graph is not the network, or a file is
            there by now.
    """
    model = model.adjusted(mirror=False, turn=False)
    graph = trace(model, kind, dynamic=level == "dynamic")
    comparison = compare_with_model(model, graph, samples)
    comparison.check()
    record = description(model, kind, graph, comparison, path.name, level)
    with alone_in(path.parent, "writing into", wait=True):
        check_free(path, force=force)
        write_json(described_in(path), record)
        write_whole(path, lambda stream: stream.write(graph.data))
    return record


def level_of(registry: Registry, model: Model, kind: str) -> str:
    """Return "dynamic" or "static: <reason>", as the model's architecture declares it."""
    name = next(item["name"] for item in model.header["components"] if item["kind"] == "arch")
    architecture = registry.find("arch", name).component
    assert isinstance(architecture, Architecture)
    return architecture.export.get(kind, "dynamic")


def multiple_of(network: nn.Module) -> int:
    """Return what the sides of a graph's images have to be multiples of."""
    return int(getattr(network, "size_multiple", 1))


def trace(model: Model, kind: str, *, dynamic: bool) -> Graph:
    """Export the network at its working size; raises SegkitError where that fails."""
    predictor = model.predictor
    network, multiple = predictor.model, multiple_of(predictor.model)
    size = tuple(-(-side // multiple) * multiple for side in predictor.size)
    # Of a batch of one the exporter would conclude that there is never more.
    images = torch.rand(2 if dynamic else 1, predictor.task.in_channels, *size)
    symbols = None
    if dynamic:
        symbols = ({0: torch.export.Dim.AUTO, **dict.fromkeys(range(2, images.ndim), torch.export.Dim.AUTO)},)
    make = {"onnx": onnx_graph, "torch-export": torch_graph}[kind]
    try:
        with quiet(), torch.no_grad():
            data, call, runtime = make(network, images, symbols)
    except SegkitError:
        raise
    except Exception as error:  # whatever exporters raise
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
        raise SegkitError(
            f"the network cannot be exported to {kind}: {type(error).__name__}: {lines[0][:200]}",
            "export to the other format, or report it to the architecture's author",
        ) from error
    return Graph(data, call, dynamic, size, runtime)


def torch_graph(network: nn.Module, images: torch.Tensor, symbols: Any) -> tuple[bytes, Call, str]:
    """Export with torch.export; the graph compared is the one read back from the file's bytes."""
    program = torch.export.export(network, (images,), dynamic_shapes=symbols)
    for module in program.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, torch.fx.GraphModule) else ():
            # It names this machine's folders.
            node.meta.pop("stack_trace", None)
    stream = io.BytesIO()
    torch.export.save(program, stream)
    loaded = torch.export.load(io.BytesIO(stream.getvalue())).module()

    def call(batch: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = loaded(batch)
        return logits

    return stream.getvalue(), call, f"torch {torch.__version__}"


def onnx_graph(network: nn.Module, images: torch.Tensor, symbols: Any) -> tuple[bytes, Call, str]:
    """Export to ONNX; the graph is run by onnxruntime."""
    require("onnx", "onnxscript", "onnxruntime")
    runtime = importlib.import_module("onnxruntime")
    program = torch.onnx.export(
        network,
        (images,),
        dynamo=True,
        dynamic_shapes=symbols,
        input_names=[INPUT],
        output_names=[OUTPUT],
        verbose=False,
        optimize=True,
    )
    assert program is not None
    proto = program.model_proto
    for node in [*proto.graph.node, *(node for function in proto.functions for node in function.node)]:
        # It names this machine's folders.
        del node.metadata_props[:]
    data: bytes = proto.SerializeToString()
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    def call(batch: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(session.run(None, {INPUT: batch.contiguous().numpy()})[0])

    return data, call, f"onnxruntime {runtime.__version__}"


def require(*names: str) -> None:
    """Raise SegkitError that names the first library that is missing."""
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:
            raise SegkitError(
                f"--to onnx needs {name}, which is not installed",
                "pip install 'segkit-core[onnx]', or use --to torch-export",
            ) from None


class Compared(nn.Module):
    """Runs a graph in a network's place and notes how far they are apart."""

    def __init__(self, network: nn.Module, graph: Graph, comparison: Comparison) -> None:
        super().__init__()
        self.network = network
        self.graph = graph
        self.comparison = comparison

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the graph's logits, cropped to the images' size."""
        expected = self.network(images)
        batch = pad_to_multiple(images, multiple_of(self.network))
        parts = [batch] if self.graph.dynamic else list(batch.split(1))
        try:
            found = torch.cat([self.graph.call(part) for part in parts])
        except Exception as error:  # whatever runtimes raise
            raise SegkitError(
                f"the exported graph does not run on {tuple(batch.shape)}: {' '.join(str(error).split())[:200]}",
                "nothing was written; report it to the architecture's author",
            ) from error
        found = found[tuple(slice(0, side) for side in (len(expected), expected.shape[1], *images.shape[2:]))]
        # A NaN is larger than nothing: it would not count as a difference.
        check_finite(expected)
        check_finite(found, "the exported graph")
        self.comparison.difference = max(self.comparison.difference, float((found - expected).abs().max()))
        self.comparison.largest = max(self.comparison.largest, float(expected.abs().max()))
        return found


def compare_with_model(model: Model, graph: Graph, samples: Sequence[Sample]) -> Comparison:
    """Predict images with the network and with the graph, pre- and post-processing included."""
    comparison = Comparison(images=len(samples))
    network = model.predictor.model
    with_graph = replace(model.predictor, model=Compared(network, graph, comparison))
    for sample in samples:
        expected = model.predictor.labels(sample.image, sample.shape, sample.spacing)
        found = with_graph.labels(sample.image, sample.shape, sample.spacing)
        comparison.equal = min(comparison.equal, float(np.mean(expected == found)))
    return comparison


def description(model: Model, kind: str, graph: Graph, comparison: Comparison, name: str, level: str) -> dict[str, Any]:
    """What stands beside the graph: everything between a file's values and a label map but for the graph itself."""
    preprocessing = model.header["preprocessing"]
    multiple = multiple_of(model.predictor.model)
    whole = not model.predictor.volumes
    return {
        "segkit": __version__,
        "notice": "for research, not for diagnosis",
        "generated_sample": bool(model.header.get("generated_sample")),
        "graph": name,
        "sha256": hashlib.sha256(graph.data).hexdigest(),
        "kind": kind,
        "input": {
            "name": INPUT,
            "layout": "N, C, H, W" if model.task.spatial_dims == 2 else "N, C, D, H, W",
            "type": "float32",
            "channels": model.task.in_channels,
            "batch": "any" if graph.dynamic else 1,
            "size": f"any multiples of {multiple}" if graph.dynamic else list(graph.size),
            "size_multiple": multiple,
            "size_minimum": int(getattr(model.predictor.model, "size_minimum", 1)),
            "level": level,
        },
        "output": {"name": OUTPUT, "channels": model.task.out_channels, "values": "logits, on the input's grid"},
        "preprocessing": [
            "photographs are turned upright as their EXIF orientation says"
            if model.image_dims == 2
            else "volumes are turned: D from inferior to superior, H from posterior to anterior, W from left to right",
            resizing(preprocessing, whole=whole),
            "uint8 values are divided by 255; other types are taken as they are",
            f"normalised: {NORMALIZED.get(preprocessing['normalization']['kind'], 'as the settings below say')}",
            f"padded at the end of each axis, by repeating the last value, to multiples of {multiple}",
        ],
        "postprocessing": [
            "the padding is cut off the logits",
            *(
                [
                    f"probabilities are averaged over all copies of the image mirrored along "
                    f"{' and '.join(preprocessing.get('mirrored') or ('any axis',))} "
                    "(leave it out for a quicker result)"
                ]
                if preprocessing.get("mirror")
                else []
            ),
            *(
                ["probabilities are averaged over copies turned by 0, 90, 180 and 270 degrees in the plane"]
                if preprocessing.get("turn")
                else []
            ),
            "logits are interpolated linearly, corners not aligned, to the image's own size"
            if whole
            else "logits of the parts are put together and interpolated linearly to the volume's own grid",
            decoding(model.task),
        ],
        "steps": steps(model, multiple) if isinstance(multiple, int) else None,
        "overlapping": model.task.overlapping,
        "classes": class_numbers(model.task),
        "settings": {**preprocessing, "postprocess": model.header.get("postprocess", {})},
        "components": model.header["components"],
        "checked": {
            "images": comparison.images,
            "runtime": graph.runtime,
            "largest_difference": comparison.difference,
            "largest_logit": comparison.largest,
            "labels_equal": comparison.equal,
        },
    }


def decoding(task: Task) -> str:
    """Say how logits become labels."""
    if task.overlapping:
        return "each class, a channel of its own, is where the sigmoid of its logit is above 0.5; classes may overlap"
    if task.out_channels == 1:
        return "label 1 where the sigmoid is above 0.5, else 0"
    return "the label with the largest logit"


def class_numbers(task: Task) -> dict[str, str]:
    """Return the classes by label, background first; by channel where they overlap, as there is no background then."""
    return {
        str(number): name for number, name in enumerate((*([] if task.overlapping else ["background"]), *task.classes))
    }


NORMALIZED = {
    "unit": "not at all",
    "image": "each image and channel to zero mean and unit deviation (deviations under 0.001 count as 0.001)",
    "dataset": "(value - mean) / std, per channel, with the numbers below",
    "fixed": "(value - mean) / std, per channel, with the numbers below",
    "ct": "clipped to the window below, then (value - mean) / std with the numbers below",
    "body": "each volume to zero mean and unit deviation of the voxels inside the body",
}


def resizing(preprocessing: dict[str, Any], *, whole: bool) -> str:
    """Say what grid the network is shown."""
    size = " x ".join(map(str, preprocessing["size"]))
    if whole:
        return f"resized to {size}, linearly with antialiasing (Pillow's BILINEAR)"
    if preprocessing["mode"] == "patches":
        spacing = preprocessing.get("spacing")
        at = f"resampled to {' x '.join(f'{length:g}' for length in spacing)} mm, " if spacing else ""
        overlap = preprocessing.get("overlap")
        return f"{at}shown as windows of {size} that overlap by {overlap}, blended by Gaussian weights"
    neighbours = f", {preprocessing['slab']} neighbours as channels" if preprocessing["mode"] == "slab" else ""
    return f"axial slices{neighbours}, each resized to {size}, linearly with antialiasing"

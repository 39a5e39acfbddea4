"""What an export pads, compares and says, held against numpy and counts by hand."""

from __future__ import annotations

import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from segkit.data.case import Sample
from segkit.data.normalize import Normalization
from segkit.declarations import Task
from segkit.engine.infer import Predictor
from segkit.errors import SegkitError
from segkit.jobs import export
from segkit.jobs.export import (
    Compared,
    Comparison,
    Graph,
    compare_with_model,
    description,
    multiple_of,
    require,
    resizing,
    trace,
)
from segkit.padding import pad_to_multiple


class Net(nn.Module):
    """Logits that follow from the pixels; sides in fours."""

    size_multiple = 4
    size_minimum = 8

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, :1] * 2 - 1


def graph_of(call, *, dynamic: bool = True) -> Graph:
    """A graph that is a function."""
    return Graph(b"graph", call, dynamic, (8, 8), "nothing 1.0")


@pytest.mark.parametrize(("multiple", "sides"), [(1, (5, 7)), (4, (8, 8)), (5, (5, 10)), (7, (7, 7))])
def test_images_are_padded_at_the_end_by_their_last_values(multiple: int, sides: tuple[int, int]) -> None:
    """As numpy's "edge" does."""
    images = torch.rand(2, 3, 5, 7)
    expected = np.pad(images.numpy(), ((0, 0), (0, 0), (0, sides[0] - 5), (0, sides[1] - 7)), mode="edge")
    np.testing.assert_array_equal(pad_to_multiple(images, multiple).numpy(), expected)


def test_a_network_that_names_no_multiple_takes_any() -> None:
    """One is a multiple of all."""
    assert (multiple_of(Net()), multiple_of(nn.Identity())) == (4, 1)


@pytest.mark.parametrize(
    ("difference", "largest", "equal", "good"),
    [
        (0.001, 0.5, 1.0, True),  # small logits are compared as if the largest were 1
        (0.0011, 0.5, 1.0, False),
        (0.02, 20.0, 1.0, True),
        (0.021, 20.0, 1.0, False),
        (0.0, 1.0, 0.999, True),
        (0.0, 1.0, 0.9989, False),
        (math.nan, 1.0, 1.0, False),
    ],
)
def test_how_far_a_graph_may_be_off(difference: float, largest: float, equal: float, good: bool) -> None:
    """A thousandth of the largest logit, and one pixel's label of a thousand."""
    comparison = Comparison(1, difference, largest, equal)
    if good:
        comparison.check()
        return
    with pytest.raises(SegkitError, match="gives something else than the network"):
        comparison.check()


def test_a_graph_is_compared_at_the_images_own_size() -> None:
    """It is given padded images, and of its logits the padding is cut; the largest of several batches counts."""
    shapes = []

    def call(images: torch.Tensor) -> torch.Tensor:
        shapes.append(tuple(images.shape))
        off = torch.zeros_like(images[:, :1])
        off[0, 0, 2, 3] = 0.25  # inside
        off[..., 5:, :] = 99  # in the padding
        return Net()(images) + off

    comparison = Comparison()
    compared = Compared(Net(), graph_of(call), comparison)
    images = torch.rand(2, 3, 5, 7)
    images[0, 0, 0, 0] = -3
    found = compared(images)
    assert found.shape == (2, 1, 5, 7)
    assert shapes == [(2, 3, 8, 8)]
    assert comparison.difference == pytest.approx(0.25)
    assert comparison.largest == pytest.approx(7)
    Compared(Net(), graph_of(Net()), comparison)(torch.rand(1, 3, 8, 8))
    assert (comparison.difference, comparison.largest) == (pytest.approx(0.25), pytest.approx(7))


def test_a_static_graph_takes_one_image_after_the_other() -> None:
    """A batch of three is three calls."""
    shapes = []

    def call(images: torch.Tensor) -> torch.Tensor:
        shapes.append(len(images))
        return Net()(images)

    comparison = Comparison()
    images = torch.rand(3, 3, 8, 8)
    torch.testing.assert_close(Compared(Net(), graph_of(call, dynamic=False), comparison)(images), Net()(images))
    assert shapes == [1, 1, 1]
    assert comparison.difference == 0


def test_a_graph_that_fails_or_gives_no_numbers_is_refused() -> None:
    """With the size it was given; NaN would not count as a difference."""

    def refuse(_: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("bad\nshape")

    with pytest.raises(SegkitError, match=r"does not run on \(1, 3, 8, 8\): bad shape"):
        Compared(Net(), graph_of(refuse), Comparison())(torch.rand(1, 3, 5, 7))
    broken = nn.Sequential(Net())
    broken.register_forward_hook(lambda *given: given[-1] * math.nan)
    with pytest.raises(SegkitError, match="network"):
        Compared(broken, graph_of(Net()), Comparison())(torch.rand(1, 3, 8, 8))
    with pytest.raises(SegkitError, match="the exported graph"):
        Compared(Net(), graph_of(lambda images: Net()(images) * math.nan), Comparison())(torch.rand(1, 3, 8, 8))


@pytest.fixture
def model() -> SimpleNamespace:
    """A model as far as an export looks at it, of photographs of one class."""
    task = Task(3, ("lesion",), spatial_dims=2)
    unit = Normalization("unit", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    predictor = Predictor(Net().eval(), task, (6, 8), unit, torch.device("cpu"))
    header = {
        "preprocessing": {"mode": "images", "size": [6, 8], "normalization": {"kind": "unit"}},
        "components": [{"kind": "arch", "name": "toy:net"}],
    }
    return SimpleNamespace(predictor=predictor, task=task, header=header, image_dims=2, image_channels=3)


def test_labels_that_differ_are_counted_by_image(model: SimpleNamespace) -> None:
    """The share of the worst image, not of all together; one that is the same has all."""
    generator = np.random.default_rng(0)
    samples = [Sample(generator.integers(0, 256, (3, 6, 8), dtype=np.uint8)) for _ in range(2)]
    same = compare_with_model(model, graph_of(Net()), samples)
    assert (same.images, same.equal, same.difference) == (2, 1.0, 0.0)

    calls = []

    def second_is_turned(images: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return Net()(images) * (-1 if len(calls) == 2 else 1)

    assert compare_with_model(model, graph_of(second_is_turned), samples).equal < 0.1
    nothing = compare_with_model(model, graph_of(Net()), [])
    assert (nothing.images, nothing.equal, nothing.largest) == (0, 1.0, 0.0)


def test_a_network_is_traced_at_multiples_of_its_own(model: SimpleNamespace, monkeypatch) -> None:
    """Of more than one image where any number is to be taken, and of exactly one where not."""
    seen = []

    def make(network: nn.Module, images: torch.Tensor, symbols: object):
        seen.append((tuple(images.shape), symbols is not None))
        return b"graph", network, "nothing"

    monkeypatch.setattr(export, "torch_graph", make)
    assert trace(model, "torch-export", dynamic=True).size == (8, 8)
    graph = trace(model, "torch-export", dynamic=False)
    assert (graph.size, graph.dynamic, graph.data) == ((8, 8), False, b"graph")
    assert seen == [((2, 3, 8, 8), True), ((1, 3, 8, 8), False)]


def test_what_an_exporter_raises_is_a_sentence(model: SimpleNamespace, monkeypatch) -> None:
    """Its first line that says something; what was a sentence stays one; an error without words is named."""

    def fails_with(error: Exception) -> str:
        def make(*_: object):
            raise error

        monkeypatch.setattr(export, "onnx_graph", make)
        with pytest.raises(SegkitError) as caught:
            trace(model, "onnx", dynamic=True)
        return caught.value.message

    beginning = "the network cannot be exported to onnx: "
    assert fails_with(ValueError("\n  unsupported op  \nmore")) == f"{beginning}ValueError: unsupported op"
    assert fails_with(ValueError()) == f"{beginning}ValueError: "
    assert fails_with(SegkitError("a library is missing")) == "a library is missing"


def test_the_first_library_that_is_missing_is_named(monkeypatch) -> None:
    """None where all are there."""
    require("json", "torch")
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(SegkitError, match="--to onnx needs onnxscript, which is not installed"):
        require("json", "onnxscript", "not-there-either")


def describe(model: SimpleNamespace, *, dynamic: bool = True, level: str = "dynamic", **preprocessing: object) -> dict:
    """What stands beside a graph of the model."""
    model.header["preprocessing"] |= preprocessing
    graph = graph_of(Net(), dynamic=dynamic)
    return description(model, "onnx", graph, Comparison(3, 0.5, 7.0, 0.999), "g.onnx", level)


def test_all_that_lies_between_a_file_and_its_labels_is_said(model: SimpleNamespace) -> None:
    """Of photographs and one class."""
    said = describe(model)
    assert (said["graph"], said["kind"], said["generated_sample"]) == ("g.onnx", "onnx", False)
    assert said["input"] == {
        "name": "images", "layout": "N, C, H, W", "type": "float32", "channels": 3, "batch": "any",
        "size": "any multiples of 4", "size_multiple": 4, "size_minimum": 8, "level": "dynamic",
    }  # fmt: skip
    assert said["output"]["channels"] == 1
    steps = said["preprocessing"]
    assert "EXIF" in steps[0]
    assert steps[1].startswith("resized to 6 x 8, linearly")
    assert "normalised: not at all" in steps
    assert steps[-1].endswith("multiples of 4")
    assert said["steps"]["resize"]["size"] == [6, 8]
    assert (said["steps"]["colour"], said["steps"]["pad"]["multiple"]) == ("RGB", 4)
    assert said["postprocessing"] == [
        "the padding is cut off the logits",
        "logits are interpolated linearly, corners not aligned, to the image's own size",
        "label 1 where the sigmoid is above 0.5, else 0",
    ]
    assert said["classes"] == {"0": "background", "1": "lesion"}
    assert said["settings"]["postprocess"] == {}
    assert said["checked"] == {
        "images": 3, "runtime": "nothing 1.0", "largest_difference": 0.5, "largest_logit": 7.0, "labels_equal": 0.999,
    }  # fmt: skip


def test_a_static_graph_of_volumes_is_described(model: SimpleNamespace) -> None:
    """One image of one size; several classes; copies that are mirrored, along which axes."""
    model.task = Task(1, ("liver", "spleen"), spatial_dims=3)
    model.image_dims = 3
    model.predictor = SimpleNamespace(model=nn.Identity(), volumes=True)
    model.header |= {"generated_sample": True, "postprocess": {"fill_holes": True}}
    said = describe(model, dynamic=False, level="static: because", mirror=True, mirrored=["height", "width"])
    assert (said["input"]["batch"], said["input"]["size"], said["input"]["level"]) == (1, [8, 8], "static: because")
    assert (said["input"]["layout"], said["input"]["size_minimum"]) == ("N, C, D, H, W", 1)
    assert said["generated_sample"] is True
    assert said["steps"] is None
    assert said["preprocessing"][0].startswith("volumes are turned")
    assert "along height and width (leave it out" in said["postprocessing"][1]
    assert said["postprocessing"][2].startswith("logits of the parts are put together")
    assert said["postprocessing"][3] == "the label with the largest logit"
    assert said["settings"]["postprocess"] == {"fill_holes": True}
    assert "along any axis" in describe(model, mirrored=None)["postprocessing"][1]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"mode": "patches", "spacing": [1.5, 1, 1], "overlap": 0.5},
            "resampled to 1.5 x 1 x 1 mm, shown as windows of 6 x 8 that overlap by 0.5, blended by Gaussian weights",
        ),
        ({"mode": "patches", "overlap": 0.25}, "shown as windows of 6 x 8 that overlap by 0.25, blended by"),
        ({"mode": "slices"}, "axial slices, each resized to 6 x 8, linearly with antialiasing"),
        ({"mode": "slab", "slab": 5}, "axial slices, 5 neighbours as channels, each resized to 6 x 8, linearly"),
    ],
)
def test_what_a_volume_s_network_is_shown(settings: dict, said: str) -> None:
    """By mode."""
    assert resizing({"size": [6, 8], **settings}, whole=False).startswith(said)

"""Right components out of the ecosystem: of every kind some that no check accuses."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from segkit.declarations.parts import EVERY_KIND

FOLDER = str(Path(__file__).parent / "right")
INFINITY = float("inf")
RIGHT = [
    ("arch", "segformer", "transformers", {}),
    ("arch", "upernet", "transformers", {}),
    ("arch", "deeplabv3", "torchvision", {}),
    ("arch", "lraspp", "torchvision", {}),
    ("arch", "timm_encoder", "timm", {}),
    ("arch", "plain_unet", "dynamic_network_architectures", {"spatial_dims": (2, 3)}),
    ("arch", "residual_unet", "dynamic_network_architectures", {"spatial_dims": (2, 3)}),
    ("loss", "cl_dice", "torch", {}),
    ("loss", "smoothed", "torch", {"params": "Smoothing"}),
    ("metric", "boundary_iou", "scipy", {"measure": "measure_edges"}),
    ("metric", "volume_bias", "numpy", {"measure": "measure_counts", "range": (-1.0, INFINITY), "poolable": True}),
    ("metric", "region_dice", "numpy", {"measure": "measure_regions", "poolable": True}),
    ("metric", "lesion_f1", "scipy", {"measure": "measure_lesions"}),
    ("explainer", "integrated_gradients", "captum", {"layered": False}),
    ("explainer", "occlusion", "captum", {"layered": False}),
    ("explainer", "saliency", "captum", {"layered": False}),
]
PARTS = [
    ("optimizer", "rmsprop", "torch", {}),
    ("optimizer", "radam", "torch", {}),
    ("optimizer", "adagrad", "torch", {}),
    ("optimizer", "lion", "torch", {}),
    ("optimizer", "timm_lamb", "timm", {}),
    ("schedule", "steps", "torch", {}),
    ("schedule", "warm_restarts", "torch", {}),
    ("augmentation", "rotate", "scipy", {"moves": True}),
    ("augmentation", "monai_noise", "monai", {}),
    ("augmentation", "low_resolution", "torch", {}),
    ("normalization", "histogram", "numpy", {}),
    ("sampler", "by_size", "numpy", {}),
    ("postprocess", "opened", "scipy", {}),
    ("exporter", "numpy_archive", "numpy", {"suffix": ".npz"}),
    ("exporter", "scripted", "torch", {"suffix": ".pt"}),
    ("section", "histogram_section", "matplotlib", {}),
    ("searcher", "halton", "scipy", {}),
    ("searcher", "local_search", "numpy", {}),
]
GRAPHS = ("onnx", "torch-export", "compile", "compile-inductor")
"""What a library's network declares where it has none; whether it is accused rightly is not of this test."""


@pytest.mark.full
@pytest.mark.parametrize(("kind", "name", "library", "fields"), RIGHT)
def test_no_check_accuses_it(kind, name, library, fields, suite_of, failures, monkeypatch):
    """A false alarm costs an author more than a mistake that is found late."""
    pytest.importorskip(library)
    monkeypatch.syspath_prepend(FOLDER)
    sys.modules.pop("right_parts", None)
    fields = dict(fields)
    if "measure" in fields:
        fields["measure"] = f"right_parts:{fields['measure']}"
    if "params" in fields:
        fields["params"] = getattr(importlib.import_module("right_parts"), fields["params"])
    about = {"name": name.replace("_", "-"), "factory": f"right_parts:{name}", "summary": "It is right."}
    found = failures(
        suite_of("right_parts", EVERY_KIND[kind](**about, **fields)), leave_out=[*GRAPHS, "declares-lightly"]
    )
    assert found == {}, [str(failure) for failure in found.values()]


@pytest.mark.parametrize(("kind", "name", "library", "fields"), PARTS)
def test_no_check_accuses_a_part(kind, name, library, fields, suite_of, failures, monkeypatch):
    """Optimizers, augmentations and what else comes from libraries as it is."""
    pytest.importorskip(library)
    monkeypatch.syspath_prepend(FOLDER)
    about = {"name": name.replace("_", "-"), "factory": f"right_training:{name}", "summary": "It is right."}
    found = failures(suite_of("right_training", EVERY_KIND[kind](**about, **fields)), leave_out=["declares-lightly"])
    assert found == {}, [str(failure) for failure in found.values()]

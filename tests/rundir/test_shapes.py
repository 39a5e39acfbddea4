"""What a run directory's files may hold: the last value that is possible is read, the next one refused."""

from __future__ import annotations

from typing import Any

import pytest

from segkit.files.shape import check_shape
from segkit.rundir import shapes

MAP = {"explainer": "cam", "target": "lesion", "layer": None, "status": "ok", "evidence": {}}
SHOWN = {"case": "c", "label": "worst", "score": None, "score_name": "dice", "panel": "c/p.png", "maps": [MAP]}
SUMMARY = {"name": "n", "task": {"classes": ["x"]}, "scores": [], "main_metric": "dice"}


def part(**values: object) -> dict[str, Any]:
    """A profile of one part."""
    return {"parts": {"train": {"seconds": 1.0, "share": 1.0, **values}}}


def models(*runs: list[str]) -> dict[str, Any]:
    """A comparison of models, each with its runs."""
    return {"name": "n", "models": [{"label": "m", "runs": listed} for listed in runs]}


@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        ("SUMMARY", SUMMARY | {"seconds": {"train": 1e12}}, SUMMARY | {"seconds": {"train": 1e12 + 0.5}}),
        ("SUMMARY", SUMMARY | {"seconds": {"train": 0}}, SUMMARY | {"seconds": {"train": -0.1}}),
        ("SUMMARY", SUMMARY, SUMMARY | {"task": {"in_channels": 3, "spatial_dims": 2}}),
        ("SUMMARY", SUMMARY | {"task": {"classes": ["x"], "in_channels": 3}}, SUMMARY | {"task": {"classes": "x"}}),
        ("SUMMARY", SUMMARY, SUMMARY | {"task": {"classes": ["x"], "in_channels": "three"}}),
        ("ENVIRONMENT", {"threads": 1}, {"threads": 0}),
        ("ENVIRONMENT", {"threads": 65_536}, {"threads": 65_537}),
        ("ENVIRONMENT", {"threads": None}, {"threads": "2"}),
        ("ENVIRONMENT", {"processes": 1}, {"processes": 0}),
        ("ENVIRONMENT", {"processes": 1_000_000}, {"processes": 1_000_001}),
        ("EPOCH", {"epoch": 0}, {"epoch": -1}),
        ("EPOCH", {"epoch": 10**9}, {"epoch": 10**9 + 1}),
        ("EPOCH", {"epoch": 1, "val": None}, {"epoch": 1, "val": {"dice": "high"}}),
        ("PROFILE", part(share=1.001), part(share=1.0011)),
        ("PROFILE", part(share=0), part(share=-0.001)),
        ("EXPLAINED", {"explained": [SHOWN | {"infinite": 1}]}, {"explained": [SHOWN | {"infinite": 2}]}),
        ("EXPLAINED", {"explained": [SHOWN | {"infinite": -1}]}, {"explained": [SHOWN | {"infinite": -2}]}),
        ("EXPLAINED", {"explained": [SHOWN | {"panel": "p"}]}, {"explained": [SHOWN | {"panel": ""}]}),
        ("EXPLAINED", {"explained": [SHOWN | {"panel": "p" * 1000}]}, {"explained": [SHOWN | {"panel": "p" * 1001}]}),
        ("COMPARISON", models(["r"]), models()),
        ("COMPARISON", models(["r"], ["s", "t"]), models(["r"], [])),
        ("COMPARISON", models(["r" * 1000]), models(["r" * 1001])),
        ("COMPARISON", models(["r"]), models([""])),
        ("CONFIG_GLANCE", {}, {"train": {"epochs": -1}}),
    ],
)
def test_bounds(shape: str, good: object, bad: object) -> None:
    """On both sides of each."""
    check_shape(good, getattr(shapes, shape))
    with pytest.raises(ValueError, match=r" is "):
        check_shape(bad, getattr(shapes, shape))

"""The report's part about explanations, and the picture of one case."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from segkit import SegkitError
from segkit.explain import Explanation
from segkit.report.explanation_panels import panel_png
from segkit.report.explanations import explanations_section

PNG = b"\x89PNG\r\n\x1a\n" + bytes(25)
RECORD = SimpleNamespace(case_names={"a": "case 001", "b": "case 002"})


def explanation(target: str = "predicted:lesion", status: str = "ok", shape=(20, 30)) -> Explanation:
    meta = {"explainer": "x:glow", "target": target, "class": "lesion", "target_pixels": 5, "working_size": [4, 4]}
    return Explanation(np.zeros((2, 2)), np.random.default_rng(0).random(shape), 1.0, status, 2.5, meta)


def write_index(folder, entries) -> None:
    (folder / "explanations").mkdir()
    (folder / "explanations" / "index.json").write_text(json.dumps({"format": 1, "explained": entries}))


def test_no_explanations_no_section(tmp_path):
    """A run without them has no such part."""
    assert explanations_section(tmp_path, RECORD) is None


def test_figures_and_remarks_are_shown_under_the_cases_shown_name(tmp_path):
    """Undefined figures are NaN, ok is no status, notes join the remarks; cases that were not scored are left out."""
    one = {
        "explainer": "glow", "target": "fp:lesion", "layer": "x", "status": "empty target", "notes": {"head": "1x1"},
        "evidence": {"words": ["empty"], "reference": {"auroc": 0.5, "energy": None, "pointing": None}},
    }  # fmt: skip
    entry = {"case": "a", "label": "worst", "score": None, "score_name": "dice", "panel": "p.png", "maps": [one]}
    write_index(tmp_path, [entry, entry | {"case": "loose"}])
    (tmp_path / "explanations" / "p.png").write_bytes(PNG)
    section = explanations_section(tmp_path, RECORD)
    (case,) = section.content
    assert (case.name, case.panel, case.measured) == ("case 001", PNG, True)
    (shown,) = case.maps
    assert (shown.status, shown.words, shown.auroc) == ("empty target", ("empty", "head: 1x1"), 0.5)
    assert np.isnan([shown.energy, shown.deletion, shown.decoder, case.score]).all()


@pytest.mark.parametrize("entries", [[{"case": "a"}], [{"case": "a", "label": "", "score": None}], [3]])
def test_a_broken_index_is_an_error(tmp_path, entries):
    """Named, with the way out."""
    write_index(tmp_path, entries)
    with pytest.raises(SegkitError, match=r"index\.json is damaged: explained\[0\]"):
        explanations_section(tmp_path, RECORD)


@pytest.mark.parametrize("shape", [(20, 30), (6, 20, 30)])
def test_a_panel_is_one_picture_with_a_row_per_target(shape):
    """More targets make it higher, more maps wider; the same bytes every time; of a volume one slice is drawn."""
    image = np.random.default_rng(0).integers(0, 255, (1, *shape), dtype=np.uint8)
    mask = np.zeros(shape, np.uint8)
    mask[..., 5:12, 6:20] = 1

    def size(*found) -> tuple[int, int]:
        content = panel_png(image, mask, mask, found, classes=("lesion",), notice="generated")
        assert content == panel_png(image, mask, mask, found, classes=("lesion",), notice="generated")
        return Image.open(io.BytesIO(content)).size

    one, other = explanation(shape=shape), explanation("fp:lesion", "empty target", shape)
    assert size(one)[0] < size(one, one)[0]
    assert size(one)[1] < size(one, other)[1]

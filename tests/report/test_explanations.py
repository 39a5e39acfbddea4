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
from segkit.report.explanation_panels import draw_pictures
from segkit.report.explanation_tiles import blended, outlined, spotlit
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
    assert (case.name, case.panel, len(case.attributions), case.unsure) == ("case 001", PNG, 1, ())
    (shown,) = case.maps
    assert (shown.status, shown.words, shown.auroc) == ("empty target", ("empty", "head: 1x1"), 0.5)
    assert np.isnan([shown.energy, shown.deletion, shown.decoder, case.score]).all()


def test_pictures_stand_one_by_one_with_the_verdict_of_their_map(tmp_path):
    """In the place of the panel; what shows no map of the index, or is no picture, is an error."""
    evidence = {
        "verdict": "doubtful", "words": ["inverted: coldest in it", "more"],
        "randomisation": {"stages": [{"random": "head", "absolute": 0.9, "by_seed": [0.9, -0.9, None]}]},
    }  # fmt: skip
    one = {"explainer": "glow", "target": "predicted:lesion", "layer": "x", "status": "ok", "evidence": evidence}
    shown = [{"file": "a/1.jpg", "title": "image", "map": None}, {"file": "a/2.jpg", "title": "glow", "map": 0}]
    entry = {"case": "a", "label": "", "score": None, "score_name": "", "panel": "p.png", "maps": [one]}
    write_index(tmp_path, [entry | {"pictures": shown}])
    (tmp_path / "explanations" / "a").mkdir()
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / "explanations" / "a" / name).write_bytes(b"\xff\xd8\xff" + bytes(40))
    (case,) = explanations_section(tmp_path, RECORD).content
    assert case.panel == b""
    assert [(picture.title, picture.map) for picture in case.pictures] == [("image", None), ("glow", case.maps[0])]
    (of_map,) = case.maps
    assert (of_map.doubts, of_map.remarks) == ("doubtful: inverted: coldest in it", ("more",))
    assert of_map.stages[0][:2] == ("head", 0.9)
    index = tmp_path / "explanations" / "index.json"
    index.write_text(index.read_text().replace('"map": 0', '"map": 1'))
    with pytest.raises(SegkitError, match=r"index\.json is damaged: a/2\.jpg shows map 1 of 1"):
        explanations_section(tmp_path, RECORD)
    (tmp_path / "explanations" / "a" / "1.jpg").write_bytes(PNG)
    with pytest.raises(SegkitError, match=r"a/1\.jpg, which is no JPEG file"):
        explanations_section(tmp_path, RECORD)


@pytest.mark.parametrize("entries", [[{"case": "a"}], [{"case": "a", "label": "", "score": None}], [3]])
def test_a_broken_index_is_an_error(tmp_path, entries):
    """Named, with the way out."""
    write_index(tmp_path, entries)
    with pytest.raises(SegkitError, match=r"index\.json is damaged: explained\[0\]"):
        explanations_section(tmp_path, RECORD)


@pytest.mark.parametrize("shape", [(20, 30), (6, 20, 30)])
def test_a_panel_is_one_picture_of_three_columns(shape):
    """More pictures make it higher; the same bytes every time; of a volume one slice is drawn."""
    image = np.random.default_rng(0).integers(0, 255, (1, *shape), dtype=np.uint8)
    mask = np.zeros(shape, np.uint8)
    mask[..., 5:12, 6:20] = 1

    def size(*found) -> tuple[int, int]:
        content = draw_pictures(image, mask, mask, found, classes=("lesion",)).panel("generated")
        assert content == draw_pictures(image, mask, mask, found, classes=("lesion",)).panel("generated")
        return Image.open(io.BytesIO(content)).size

    one, other = explanation(shape=shape), explanation("fp:lesion", "empty target", shape)
    assert size(one)[0] == size(one, one)[0]
    assert size(one)[1] < size(one, one, other, other)[1]
    drawn = draw_pictures(image, mask, mask, [one, other], classes=("lesion",))
    assert [(tile.title, tile.map) for tile in drawn.tiles] == [
        ("image", None),
        ("reference: lesion", None),
        ("prediction: lesion", None),
        ("glow, predicted:lesion", 0),
        ("glow, fp:lesion", 1),
    ]
    assert len({tile.picture.shape for tile in drawn.tiles}) == 1


def test_heat_lies_over_the_grey_image():
    """Cold places show the image, hot ones the colour; what is dark on the image stays darker under equal heat."""
    picture = np.full((4, 8, 3), (200, 40, 40), np.uint8)
    picture[:, 4:] = 20
    heat = np.zeros((4, 8))
    heat[:2] = 1
    made = blended(picture, heat).astype(int)
    hot, cold = made[0, 0], made[3, 0]
    assert hot[1] - cold[1] > 80
    assert np.ptp(cold) < 30
    assert (made[0, 7] < made[0, 0]).all()


def test_a_mask_is_the_light_part_within_a_line():
    """Told apart by lightness alone; the line is white beside black."""
    picture = np.full((40, 40, 3), 120, np.uint8)
    inside = np.zeros((40, 40), bool)
    inside[10:30, 10:30] = True
    lit = spotlit(picture, inside)
    assert lit[20, 20].tolist() == [120] * 3
    assert lit[2, 2].tolist() == [48] * 3
    line = outlined(lit, inside)
    assert (line == 255).all(axis=-1).any()
    assert (line == 0).all(axis=-1).any()
    assert line[20, 20].tolist() == [120] * 3


def doubt(shape=(20, 30)) -> Explanation:
    """A map of uncertainty as the core makes it."""
    meta = {"explainer": "x:doubt", "target": "all", "class": "", "target_pixels": 16, "working_size": [4, 4]}
    heat = np.random.default_rng(0).random(shape) / 10
    return Explanation(np.zeros((2, 2)), heat, 0.1, "ok", 0.0, meta | {"map": "uncertainty"})


@pytest.mark.parametrize("shape", [(20, 30), (5, 20, 30)])
@pytest.mark.parametrize("with_reference", [True, False])
def test_uncertainty_has_a_row_of_its_own(shape, with_reference):
    """Beside a class or alone, with the wrong pixels where there is a reference; also of classes that overlap."""
    image = np.zeros((3, *shape), np.uint8)
    prediction = np.zeros((2, *shape), np.uint8)
    prediction[0, ..., 5:9, 5:9] = 1
    reference = np.roll(prediction, 2, axis=-1) if with_reference else None
    found = [explanation("predicted:lesion", shape=shape), doubt(shape), doubt(shape)]
    drawn = draw_pictures(image, reference, prediction, found, classes=("lesion", "hair"))
    titles = [tile.title for tile in drawn.tiles]
    own = titles[titles.index("prediction: any class") :]
    assert own[1:-2] == (["wrong"] if with_reference else [])
    assert all(title.startswith("doubt, uncertainty, 0 to 0.1") for title in own[-2:])
    assert [tile.map for tile in drawn.tiles][-2:] == [1, 2]
    assert drawn.panel().startswith(b"\x89PNG")


def test_the_page_tells_errors_apart_from_attributions(tmp_path):
    """Uncertainty has a table of its own, and no deletion."""
    errors = {"auroc": 0.9, "spearman": 0.2, "wrong": 3, "of": 600, "mean_wrong": 0.5, "mean_right": None}
    maps = [
        {"explainer": "doubt", "map": "uncertainty", "target": "all", "layer": "", "status": "ok",
         "evidence": {"errors": errors, "words": ["a wrong pixel"]}},
        {"explainer": "glow", "target": "fp:lesion", "layer": "x", "status": "ok", "evidence": {"words": ["well"]}},
        {"explainer": "doubt", "map": "uncertainty", "target": "all", "layer": "", "status": "ok", "evidence": {}},
    ]  # fmt: skip
    entry = {"case": "a", "label": "worst", "score": 0.5, "score_name": "dice", "panel": "p.png", "maps": maps}
    write_index(tmp_path, [entry])
    (tmp_path / "explanations" / "p.png").write_bytes(PNG)
    (case,) = explanations_section(tmp_path, RECORD).content
    assert [one.explainer for one in case.attributions] == ["glow"]
    (unsure,) = case.unsure
    assert (unsure.errors.auroc, unsure.errors.wrong, np.isnan(unsure.errors.mean_right)) == (0.9, 3, True)

"""The index of explanations, of cases that were missed too."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from segkit.explain.explanation import coloured_png
from segkit.jobs.explain import folder
from segkit.jobs.explain.folder import write_explained
from segkit.jobs.explain.subject import Subject, scored
from segkit.report.explanation_tiles import Tile
from segkit.report.explanations import explanations_section

PNG = coloured_png(np.zeros((2, 2), np.float32))


def drawn(*given, **named) -> SimpleNamespace:
    """What stands for the pictures of an image: a panel, and one picture of its first map."""
    return SimpleNamespace(panel=lambda notice: PNG, tiles=(Tile("image", np.zeros((16, 16, 3), np.uint8)),))


@pytest.mark.parametrize(("score", "shown"), [(math.inf, "∞"), (-math.inf, "−∞"), (math.nan, "–"), (2.5, "2.500")])
def test_the_score_of_a_missed_case_is_kept(tmp_path, monkeypatch, score, shown):
    """The index is JSON that anybody reads, and the page says that the distance is infinite."""
    monkeypatch.setattr(folder, "draw_pictures", drawn)
    image = np.zeros((1, 4, 4), np.uint8)
    for name in ("a", "b"):
        subject = scored(Subject(name, image, image), "worst", score, "hd95")
        write_explained(tmp_path / "explanations", subject, image[0], [], classes=["tumour"])
    text = (tmp_path / "explanations" / "index.json").read_text()
    entries = json.loads(text, parse_constant=pytest.fail)["explained"]
    assert [entry["score"] for entry in entries] == [score if math.isfinite(score) else None] * 2
    sign = {math.inf: 1, -math.inf: -1}.get(score)
    assert [entry.get("infinite") for entry in entries] == [sign] * 2
    section = explanations_section(tmp_path, SimpleNamespace(case_names={"a": "a", "b": "b"}))
    from segkit.report import text as words

    assert [words.number(case.score) for case in section.content] == [shown] * 2


def explanation(target: str, layer: str = "", explainer: str = "toy:glow") -> SimpleNamespace:
    """What was found of one target."""
    meta = {
        "explainer": explainer,
        "target": target,
        "layer": layer,
        "class": "tumour",
        "target_pixels": 3,
        "notes": {},
    }
    heat = np.zeros((4, 4), np.float32)
    return SimpleNamespace(
        meta=meta, heat=heat, target_score=0.5, status="ok", raw_max=2.0, evidence={}, save=lambda place: None
    )


@pytest.mark.parametrize(
    ("target", "layer", "stem"),
    [
        ("tumour: whole", "last", "glow-tumour-whole-last"),
        ("tumour", "", "glow-tumour"),
        ("..a/b é", "x.y", "glow-a-b-x.y"),
        ("n" * 80, "", "glow-" + "n" * 60),
    ],
)
def test_what_a_map_is_called(target, layer, stem):
    """By explainer, target and layer, in letters that every file system takes, and never too long."""
    assert folder.stem_of(explanation(target, layer)) == stem


def test_an_image_explained_again_replaces_its_entry(tmp_path, monkeypatch):
    """The same targets are the same picture; others are a further entry, and other images stay."""
    monkeypatch.setattr(folder, "draw_pictures", drawn)
    image = np.zeros((1, 4, 4), np.uint8)

    def explain(name, *targets):
        subject = Subject(name, image, image)
        return write_explained(tmp_path, subject, image[0], [explanation(one) for one in targets], classes=["tumour"])

    first = explain("a", "tumour: whole", "tumour: edge", "liver")
    explain("b", "tumour: whole")
    explain("a", "liver")
    explain("a", "tumour: whole", "tumour: edge", "liver")
    entries = json.loads((tmp_path / "index.json").read_text())["explained"]
    assert [entry["panel"] for entry in entries] == [
        "b/panel-tumour.png", "a/panel-liver.png", "a/panel-tumour-liver.png",
    ]  # fmt: skip
    assert first.panel == tmp_path / "a" / "panel-tumour-liver.png"
    assert explain("c").panel.name == "panel-none.png"
    assert entries[-1]["pictures"] == [{"file": "a/panel-tumour-liver-01.jpg", "title": "image", "map": None}]
    assert (tmp_path / "a" / "panel-tumour-liver-01.jpg").read_bytes().startswith(b"\xff\xd8\xff")
    (first_map, *_) = entries[-1]["maps"]
    assert first_map == {
        "explainer": "glow", "map": "attribution", "class": "tumour", "target": "tumour: whole",
        "target_pixels": 3, "target_score": 0.5, "layer": "", "notes": {}, "status": "ok", "raw_max": 2.0,
        "file": "a/glow-tumour-whole.npz", "evidence": {},
    }  # fmt: skip

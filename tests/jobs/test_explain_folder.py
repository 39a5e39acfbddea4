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
from segkit.report.explanations import explanations_section

PNG = coloured_png(np.zeros((2, 2), np.float32))


@pytest.mark.parametrize(("score", "shown"), [(math.inf, "∞"), (-math.inf, "−∞"), (math.nan, "–"), (2.5, "2.500")])
def test_the_score_of_a_missed_case_is_kept(tmp_path, monkeypatch, score, shown):
    """The index is JSON that anybody reads, and the page says that the distance is infinite."""
    monkeypatch.setattr(folder, "panel_png", lambda *_, **__: PNG)
    image = np.zeros((1, 4, 4), np.uint8)
    for name in ("a", "b"):
        subject = scored(Subject(name, image, image), "worst", score, "hd95")
        write_explained(tmp_path / "explanations", subject, image[0], [], classes=["tumour"])
    text = (tmp_path / "explanations" / "index.json").read_text()
    entries = json.loads(text, parse_constant=pytest.fail)["explained"]
    assert [entry["score"] for entry in entries] == [score if math.isfinite(score) else None] * 2
    section = explanations_section(tmp_path, SimpleNamespace(case_names={"a": "a", "b": "b"}))
    from segkit.report import text as words

    assert [words.number(case.score) for case in section.content] == [shown] * 2

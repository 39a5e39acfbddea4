"""Images that a dataset has without a reference are predicted by its runs and not scored."""

from __future__ import annotations

from pathlib import Path

import pytest

from segkit.config import Layer
from segkit.data.case import Case
from segkit.discovery import Registry
from segkit.engine.predictions import read_labels
from segkit.engine.progress import Progress
from segkit.errors import SegkitError
from segkit.jobs.run import run_job
from segkit.planning.plan import make_plan


@pytest.mark.parametrize("fails", [False, True])
def test_unscored_cases_are_predicted(toy_registry: Registry, monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    """Into a folder of their own, said before; one that cannot be read is told, and the run goes on to its end."""
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)
    layer = Layer("flag", {"components.arch": "net", "components.data": "squares", "run.device": "cpu"})
    plan = make_plan([layer], toy_registry, {})
    known = plan.cases["test"][0]
    plan.reader.unscored = lambda: (Case("alone", files=known.files, meta=known.meta),)
    real = plan.reader.read

    def read(case: Case):
        if case.id != "alone":
            return real(case)
        if fails:
            raise SegkitError("alone.npy is torn", "mend it")
        return real(known)

    plan.reader.read = read
    told: list[str] = []

    class Told(Progress):
        def message(self, text: str) -> None:
            told.append(text)

    result = run_job(plan, None, Told())
    assert "without masks: 1 images are predicted into unscored/ and not scored" in told
    assert "alone" not in Path(result.folder, "cases.csv").read_text()
    written = result.folder / "unscored" / "alone.png"
    assert written.exists() is not fails
    if fails:
        assert any("not all images without masks are predicted: " in line for line in told)
    else:
        assert read_labels(written).ndim == 2


def test_a_run_that_goes_on_predicts_them_again(toy_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into the folder that is there already."""
    from types import SimpleNamespace

    from segkit.jobs import unscored

    plan = make_plan([Layer("flag", {"components.arch": "net", "components.data": "squares"})], toy_registry, {})
    case = plan.cases["test"][0]
    plan.reader.unscored = lambda: (case,)
    written: list[str] = []
    monkeypatch.setattr(unscored, "write_prediction", lambda *given: written.append(given[2].id))
    monkeypatch.setattr(unscored, "few", lambda *_: 1)
    labels = SimpleNamespace(labels=lambda image, shape, spacing: image[0] * 0, size=(24, 32), volumes=False)
    job = SimpleNamespace(plan=plan, folder=Path(), progress=Progress(), workers=1)
    for _ in range(2):
        unscored.predict_unscored(job, labels)
    assert written == [case.id] * 2

"""The stage of a run that explains its worst, median and best case."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from segkit.data.case import Case
from segkit.declarations import Architecture
from segkit.engine.infer import Predictor
from segkit.engine.measure import CaseScores
from segkit.engine.postprocess import postprocessing
from segkit.engine.volumes import VolumePredictor
from segkit.errors import UsageError
from segkit.explain.case import BuiltExplainer, build_explainer
from segkit.explain.choice import choose
from segkit.explain.layers import AUTO, LayerPath, check_module
from segkit.explaining.folder import write_explained
from segkit.explaining.work import case_subject, explain_subject, make_wish, scored
from segkit.plan import Plan
from segkit.record import NOTICE
from segkit.stage import Job


def build_explainers(plan: Plan) -> list[BuiltExplainer]:
    """Import and build the plan's explainers."""
    return [
        build_explainer(found, plan.config.params_of("explainer", found.component.name)) for found in plan.explainers
    ]


def check_run_layers(plan: Plan, model: nn.Module) -> None:
    """Raise UsageError, before anything is trained, where the layer asked for is not in the model."""
    wanted, declared = plan.config.explain.layer, declared_layers(plan)
    if not plan.explainers or wanted in (None, AUTO):
        return
    assert wanted is not None
    path = LayerPath.parse(declared.get(wanted, wanted))
    try:
        check_module(model, path, declared)
    except UsageError as error:
        raise UsageError(f"explain.layer: {error.message}", error.hint) from None


def declared_layers(plan: Plan) -> dict[str, str]:
    """The layers that the plan's architecture names."""
    assert isinstance(plan.arch.component, Architecture)
    return dict(plan.arch.component.layers)


def explain_run(job: Job, predictor: Predictor | VolumePredictor, scores: Sequence[CaseScores]) -> None:
    """Explain chosen cases of a scored split into explanations/; does nothing where no explainer was asked for."""
    plan = job.plan
    if not plan.explainers:
        return
    main = job.parts.metrics[0]
    values = {row.case: row.mean(main.name) for row in scores}
    chosen = choose(plan.config.explain.cases, values, higher_is_better=main.declaration.higher_is_better)
    explain_cases(job, predictor, chosen, values, main.name)


def explain_cases(
    job: Job,
    predictor: Predictor | VolumePredictor,
    chosen: Sequence[tuple[str, str]],
    values: dict[str, float],
    score_name: str,
) -> None:
    """Explain cases, one after the other."""
    plan, progress = job.plan, job.progress
    explainers = build_explainers(plan)
    wish = make_wish(plan.config.explain, plan.task, declared_layers(plan))
    cases: dict[str, Case] = {case.id: case for case in plan.cases[plan.split]}
    progress.start("explain", len(chosen), "cases")
    for label, case_id in chosen:
        subject = case_subject(plan.reader, plan.data.full_name, cases[case_id], predictor)
        subject = scored(subject, label, values[case_id], score_name)
        found, prediction = explain_subject(
            subject, predictor, explainers, wish, postprocessing(plan.config.evaluate, plan.task), progress.message
        )
        if found:
            write_explained(
                job.folder / "explanations",
                subject,
                prediction,
                found,
                classes=plan.task.classes,
                notice=NOTICE if plan.root.generated else "",
            )
        progress.advance()
    progress.finish()

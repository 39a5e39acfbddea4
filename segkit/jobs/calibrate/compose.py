"""Calibrate a trained model on its validation split, and show what that does on cases that it was not fitted to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segkit.config import Layer
from segkit.discovery import Registry
from segkit.engine.calibration import Calibration
from segkit.engine.checkpoint import KEY, read_model
from segkit.engine.progress import Progress
from segkit.engine.sealed import write_sealed
from segkit.errors import SegkitError, UsageError
from segkit.files import read_json, write_json
from segkit.jobs.calibrate.bench import AnyPredictor, Bench, Part, halved
from segkit.jobs.calibrate.estimates import Estimates, check_unseen
from segkit.jobs.calibrate.fit import ASSUMES, RISK, control_risk, fit
from segkit.jobs.calibrate.observe import Observed
from segkit.jobs.evaluate import Request, plan_scoring
from segkit.jobs.predict.together import check_no_bound, check_same_task
from segkit.model import Model
from segkit.planning.build import build_metrics
from segkit.planning.components import metric_of
from segkit.planning.plan import Plan

FEWEST = 5
"""Validation cases: what fewer of them say changes with every one."""
SHOWN_ON = {True: "test", False: "val, fitted on one half and shown on the other"}
"""By whether there is a test split."""


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    Attributes:
        method: "temperature" or "vector"; "none" keeps the probabilities as they are.
        level: of the share of missed foreground; None for no guarantee.
        others: models that will predict together with this one.
    """

    method: str = "temperature"
    level: float | None = None
    others: tuple[Model, ...] = ()


@dataclass(frozen=True)
class Calibrated:
    """What came of it.

    Attributes:
        record: what the new checkpoint says of its calibration.
        before, after: score rows, as of summary.json, of the cases of `shown_on`.
    """

    record: dict[str, Any]
    before: list[dict[str, Any]]
    after: list[dict[str, Any]]


def plan_calibration(request: Request, registry: Registry, tell: Callable[[str], None] | None = None) -> Plan:
    """Find the model's own data and every installed metric of probabilities, where none is named.

    Raises:
        UsageError: a named metric does not look at probabilities, or there is none.
    """
    named = any("components.metrics" in layer.values for layer in request.said)
    of_probabilities = [
        found.component.name for found in registry.components("metric") if metric_of(found).needs == "probabilities"
    ]
    if not named and not of_probabilities:
        raise UsageError("no metric of probabilities is installed", "install segkit-metrics")
    layer = Layer("calibrate", {} if named else {"components.metrics": ",".join(of_probabilities)})
    plan = plan_scoring(replace(request, said=[layer, *request.said]), registry, tell)
    blind = [found.component.name for found in plan.metrics if metric_of(found).needs != "probabilities"]
    if blind:
        raise UsageError(
            f"--metric {blind[0]} does not look at probabilities", f"there are: {', '.join(of_probabilities)}"
        )
    if plan.task.overlapping:
        raise UsageError("classes that overlap cannot be calibrated yet", "evaluate them as they are")
    fitted = plan.cases["val"]
    if len(fitted) < FEWEST:
        raise SegkitError(
            f"the validation split has {len(fitted)} cases, calibration needs at least {FEWEST}",
            "give the dataset a larger validation split; nothing is fitted to training or test cases",
        )
    return plan


def calibrate(plan: Plan, request: Request, wish: Wish, workers: int, progress: Progress) -> Calibrated:
    """Fit on the validation split; show on the test split, or crosswise on halves of validation where there is none.

    Raises:
        SegkitError: a case cannot be read, or the cases are too few for the bound asked for.
    """
    settings = plan.config.evaluate
    model = request.model.adjusted(mirror=settings.mirror, turn=settings.turn, overlap=settings.overlap)
    model = model.windowed(settings.window)
    if model.predictor.calibration is not None and wish.method != "none":
        raise SegkitError(
            f"{request.checkpoint.name} is calibrated already", "calibrate the run's own model.safetensors"
        )
    bench = Bench(plan, build_metrics(plan, progress), workers, progress)
    if wish.others:
        check_same_task((model, *wish.others))
        check_no_bound((model, *wish.others))
        check_unseen(bench, wish.others)
    plain, held_out = model.predictor, plan.cases["val"]
    fitted = bench.observe(held_out, plain, "validation cases")
    chosen = fitting(fitted, wish.method, plain)
    parts, shown_on = parts_of(plan, fitted, chosen, wish, plain), SHOWN_ON[bool(plan.cases["test"])]
    sure = bench.observe(held_out, replace(plain, calibration=chosen), "calibrated cases")
    risk = risk_record(request.model.header, sure, wish.level)
    before = [row for part in parts for row in bench.score(part.shown, plain)]
    after = [row for part in parts for row in bench.score(part.shown, replace(plain, calibration=part.calibration))]
    estimates = Estimates(bench, plain, parts, sure, wish.level)
    record: dict[str, Any] = {
        "classes": list(plan.task.classes),
        "method": wish.method,
        "scale": list(chosen.scale) if chosen else None,
        "shift": list(chosen.shift) if chosen else None,
        "fitted_on": "val",
        "cases": len(fitted),
        "shown_on": shown_on,
        "expected": estimates.alone(chosen, risk, shown_on),
        "together": estimates.together(request.model.header, wish.others, chosen, shown_on),
        "risk": risk,
    }
    record = {name: value for name, value in record.items() if value is not None}
    return Calibrated(record, bench.rows(before), bench.rows(after))


def parts_of(
    plan: Plan, fitted: Sequence[Observed], chosen: Calibration | None, wish: Wish, plain: AnyPredictor
) -> list[Part]:
    """Return the test cases with what all of validation gave, or each half of validation with what the other gave."""
    if plan.cases["test"]:
        return [Part(plan.cases["test"], plan.cases["val"], chosen)]
    one, other = halved(plan.cases["val"])
    made = []
    for half in (one, other):
        own = {case.id for case in half}
        made.append(fitting([case for case in fitted if case.case in own], wish.method, plain))
    return [Part(other, one, made[0]), Part(one, other, made[1])]


def fitting(observed: Sequence[Observed], method: str, plain: AnyPredictor) -> Calibration | None:
    """Return what is fitted to cases; what the model has already where nothing is to be."""
    return plain.calibration if method == "none" else fit(observed, method)


def risk_record(header: Mapping[str, Any], observed: Sequence[Observed], level: float | None) -> dict[str, Any] | None:
    """Return the threshold that keeps the bound, with what it stands on; None where none was asked for."""
    if level is None:
        return None
    threshold, cases = control_risk(observed, level)
    return {
        "kind": RISK,
        "level": level,
        "threshold": threshold,
        "cases": cases,
        "split": "val",
        "selected_on": header["selected_on"] == "val" if "selected_on" in header else None,
        "assumes": ASSUMES,
    }


def write_calibrated(path: Path, source: Path, found: Calibrated) -> None:
    """Write the new checkpoint, with the same weights, and FILE.json beside it with the scores before and after."""
    weights, header = read_model(source)
    earlier = header.get("calibration") or {}
    kept = {name: value for name, value in header.items() if name != "sha256"}
    record = {**earlier, **found.record} if found.record["method"] == "none" else found.record
    # The checkpoint last: killed in between, what is asked for is not there, and the same command makes both.
    write_json(path.with_suffix(".json"), {"calibration": record, "before": found.before, "after": found.after})
    write_sealed(path, KEY, {**kept, "calibration": record}, weights)


def check_free(path: Path) -> None:
    """Raise SegkitError where a calibrated checkpoint is there already, or beside it a JSON file of something else."""
    beside = path.with_suffix(".json")
    taken = path if path.exists() else beside
    if path.exists() or (beside.exists() and "calibration" not in read_json(beside, dict)):
        raise SegkitError(f"{taken} exists already", "say --force to replace it, or name another file with -o")

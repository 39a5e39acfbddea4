"""What the expected Dice of a case is worth, of a model alone and of several together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from segkit.data.content import known_cases
from segkit.engine.calibration import Calibration
from segkit.engine.ensemble import Ensemble
from segkit.errors import SegkitError
from segkit.jobs.calibrate.bench import AnyPredictor, Bench, Part
from segkit.jobs.calibrate.fit import control_risk
from segkit.jobs.calibrate.observe import Observed
from segkit.jobs.calibrate.trust import COPIES, MODELS, Signs, estimate_record
from segkit.jobs.predict.estimate import member_keys
from segkit.model import Model


@dataclass(frozen=True)
class Estimates:
    """What estimates are fitted and shown with.

    Attributes:
        plain: the model's predictor, not calibrated.
        sure: the validation cases, by the calibrated model.
        level: of the bound on missed foreground; None for no bound.
    """

    bench: Bench
    plain: AnyPredictor
    parts: Sequence[Part]
    sure: Sequence[Observed]
    level: float | None

    def alone(
        self, calibration: Calibration | None, risk: Mapping[str, Any] | None, shown_on: str
    ) -> dict[str, Any] | None:
        """Return the estimate of the model alone, of the label maps that it will make: at the bound's threshold."""
        held_out, every = self.bench.plan.cases["val"], self.sure
        made = calibration
        if risk is not None:
            made = self.with_threshold(calibration, risk["threshold"])
            every = self.bench.observe(held_out, replace(self.plain, calibration=made), "cases at the threshold")
        pairs = []
        for part in self.parts:
            whole = part.fitted is held_out
            own, of_part = (every, made) if whole else self.fit_half(part)
            if not own:
                return None
            shown = self.bench.observe(part.shown, replace(self.plain, calibration=of_part), "cases to be shown")
            pairs.append(([case.signs for case in own], [case.signs for case in shown]))
        record = estimate_record([case.signs for case in every], pairs, shown_on, COPIES)
        return None if record is None else record | made_with(self.plain)

    def fit_half(self, part: Part) -> tuple[Sequence[Observed], Calibration | None]:
        """Look at the cases that a half was fitted to; none where they are too few to support the bound."""
        own = self.bench.observe(part.fitted, replace(self.plain, calibration=part.calibration), "fitted cases")
        if self.level is None:
            return own, part.calibration
        try:
            threshold, _ = control_risk(own, self.level)
        except SegkitError:  # too few of them: the whole of validation was enough, a half shows nothing
            return [], None
        made = self.with_threshold(part.calibration, threshold)
        return self.bench.observe(part.fitted, replace(self.plain, calibration=made), "fitted cases"), made

    def with_threshold(self, calibration: Calibration | None, threshold: float) -> Calibration:
        """Return a calibration that marks foreground from a probability on."""
        channels = self.plain.task.out_channels
        known = calibration or Calibration((1.0,) * channels, (0.0,) * channels)
        return replace(known, threshold=threshold)

    def together(
        self, header: Mapping[str, Any], others: Sequence[Model], calibration: Calibration | None, shown_on: str
    ) -> dict[str, Any] | None:
        """Return the estimate of this model and others together; None of none."""
        if not others:
            return None

        def with_others(made: Calibration | None) -> Ensemble:
            first = replace(self.plain, calibration=made)
            return Ensemble((first, *(other.predictor for other in others)))

        every = self.bench.observe_together(self.bench.plan.cases["val"], with_others(calibration), "models together")
        pairs: list[tuple[Sequence[Signs], Sequence[Signs]]] = []
        for part in self.parts:
            ensemble, whole = with_others(part.calibration), part.fitted is self.bench.plan.cases["val"]
            own = every if whole else self.bench.observe_together(part.fitted, ensemble, "models together")
            pairs.append((own, self.bench.observe_together(part.shown, ensemble, "models together")))
        record = estimate_record(every, pairs, shown_on, MODELS)
        headers = [header, *(other.header for other in others)]
        return None if record is None else {**record, "models": member_keys(headers, with_others(calibration))}


def check_unseen(bench: Bench, others: Sequence[Model]) -> None:
    """Raise SegkitError where another model was trained on a case that calibration looks at, or may have been.

    Folds of one collection are: what each says of the others' training cases is no estimate of new ones.
    """
    cases = [*bench.plan.cases["val"], *bench.plan.cases["test"]]
    for number, other in enumerate(others, start=1):
        known = frozenset(other.header.get("trained_on", ()))
        if not known:
            raise SegkitError(
                f"--with, model {number}: its checkpoint does not say which images it was trained on",
                "train it again with this version: an estimate may stand on no image that a model has seen",
            )
        bench.progress.start("comparing with training", len(cases), "cases")
        seen = known_cases(
            bench.plan.reader,
            cases,
            known,
            workers=bench.workers,
            progress=lambda *_: bench.progress.advance(),
        )
        bench.progress.finish()
        if seen:
            raise SegkitError(
                f"--with, model {number}: {len(seen)} of the {len(cases)} cases that are held out here are among those "
                f"that it was trained on ({', '.join(seen[:3])}{', ...' if len(seen) > 3 else ''})",
                "name models that were trained on the same training cases, such as with other seeds",
            )


def made_with(predictor: AnyPredictor) -> dict[str, bool]:
    """Which copies of an image a model averages over, and its estimate is of; turned ones are said where they are."""
    return {"mirror": predictor.mirror, **({"turn": True} if predictor.turn else {})}

"""What a calibration says, in lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from segkit.jobs.calibrate.compose import Calibrated
from segkit.report.text import number


def lines(found: Calibrated) -> Iterator[str]:
    """Yield what was fitted, every score before and after, and what the expected score and the threshold are worth."""
    record = found.record
    if record.get("scale"):
        factors = ", ".join(f"{1 / value:.3g}" if value else "inf" for value in sorted({*record["scale"]}))
        yield f"{record['method']}: logits divided by {factors}, fitted on {record['cases']} validation cases"
    yield f"shown on {record['shown_on']}, pooled over cases, with 95 % intervals"
    said = set()
    for old, new in zip(found.before, found.after, strict=True):
        values = (old["metric"], old["mean"], new["mean"])
        if values in said:
            continue  # one number for all classes
        said.add(values)
        yield f"  {old['metric']} {old['class']}: {with_interval(old)} -> {with_interval(new)}"
    yield from estimate_lines(record.get("expected"), "")
    if "together" in record:
        yield from estimate_lines(record["together"], f" by {len(record['together']['models'])} models together")
    if risk := record.get("risk"):
        yield (
            f"foreground from a probability of {risk['threshold']:g} on: expected share of missed foreground at most "
            f"{risk['level']:g}, by {risk['cases']} held-out cases"
        )
        yield f"  it holds for {risk['assumes']}"
        if risk["selected_on"] is not False:
            known = "was" if risk["selected_on"] else "may have been"
            yield f"  the epoch {known} chosen by its score on these cases: they may be better than new ones"


def estimate_lines(record: Mapping[str, Any] | None, whose: str) -> Iterator[str]:
    """Yield what an estimate stands on, and how well it ranks."""
    if record is None:
        yield f"expected score of a case{whose}: not shown, there are too few cases to say how well it ranks them"
        return
    ranking = record["ranking"]
    yield f"expected {record['score']} of a case{whose}, n = {ranking['n']}:"
    yield f"  {chosen_by(record)}"
    yield (
        f"  AURC {figure(ranking, 'aurc')}, of no order {number(ranking['random'])}, of the best "
        f"{number(ranking['best'])}: {percent(ranking, 'gained')} of the way"
    )
    yield f"  Spearman {figure(ranking, 'spearman')}"


def chosen_by(record: Mapping[str, Any]) -> str:
    """Say which signs the estimate stands on, and what each that was tried misses validation cases by."""
    names = {"probabilities": "probabilities", "agreement": f"agreement of {record['members']}", "both": "both"}
    if not record.get("members"):
        return "by its probabilities"
    errors = ", ".join(f"{names[name]} {number(error)}" for name, error in record["tried"].items())
    return f"by {names[record['by']]}, chosen on {record['cases']} validation cases: left out, each misses by {errors}"


def with_interval(row: Mapping[str, Any]) -> str:
    """Write a score with its interval."""
    if row["mean"] is None:
        return "none"
    ends = "" if row["ci_low"] is None else f" ({number(row['ci_low'])} to {number(row['ci_high'])})"
    return f"{number(row['mean'])}{ends}"


def figure(ranking: Mapping[str, Any], name: str) -> str:
    """Write a figure of a ranking with its interval."""
    low, high = ranking[f"{name}_interval"]
    return "none" if ranking[name] is None else f"{number(ranking[name])} ({number(low)} to {number(high)})"


def percent(ranking: Mapping[str, Any], name: str) -> str:
    """Write a share with its interval in percent."""
    if ranking[name] is None:
        return "none"
    low, high = (None if end is None else round(100 * end) for end in ranking[f"{name}_interval"])
    return f"{100 * ranking[name]:.0f} % ({low} to {high})"

"""Whether runs were scored alike: on the same cases and references, by the same metrics and conventions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from segkit.errors import SegkitError, UsageError
from segkit.jobs.compare.runs import FinishedRun


def check_alike(runs: Sequence[FinishedRun]) -> list[str]:
    """Return the metrics that all runs share, the first run's main one first.

    Raises:
        SegkitError: two runs were not scored alike; it names them and says in what.
        UsageError: they share no metric.
    """
    first = runs[0]
    for run in runs:
        if run.record.summary.get("selected_on"):
            raise SegkitError(
                f"{run.folder}: its weights were selected on this split, so its scores flatter it",
                "score it on other cases",
            )
    shared = [metric for metric in metrics_of(first) if all(metric in metrics_of(run) for run in runs)]
    if not shared:
        raise UsageError("the runs share no metric", "score them again with the same --metric")
    for run in runs[1:]:
        for reason in differences(first, run, shared):
            raise SegkitError(
                f"{first.folder} and {run.folder} were not scored alike: {reason}",
                "compare runs of the same cases, metrics and conventions",
            )
    return shared


def metrics_of(run: FinishedRun) -> list[str]:
    """The run's metrics, the main one first."""
    names = list(run.record.cases[0].values)
    return sorted(names, key=lambda name: name != run.record.main_metric)


def differences(one: FinishedRun, other: FinishedRun, metrics: Sequence[str]) -> Iterator[str]:
    """Yield what makes the scores of two runs not comparable, each in a sentence, the plainest first."""
    here, there = one.record.summary, other.record.summary
    facts: list[tuple[str, Any, Any]] = [
        ("dataset", here.get("dataset", {}).get("name"), there.get("dataset", {}).get("name")),
        ("split", here.get("split"), there.get("split")),
        ("classes", scored_classes(one), scored_classes(other)),
        ("post-processing", here.get("postprocess") or "none", there.get("postprocess") or "none"),
        ("folds", one.config.get("data.folds"), other.config.get("data.folds")),
    ]
    digests = here.get("references"), there.get("references")
    if not all(digests):
        # Where they are known they say more: a model of drawn images that was scored on real ones has the mark, too.
        drawn = bool(here.get("generated_sample")), bool(there.get("generated_sample"))
        facts.append(("generated sample", *drawn))
    for what, mine, theirs in facts:
        if mine != theirs:
            yield f"{what} {shown(mine)} against {shown(theirs)}"
    if one.fold == other.fold:
        yield from case_differences(one, other)
    for metric in metrics:
        yield from metric_differences(metric, one, other)


def case_differences(one: FinishedRun, other: FinishedRun) -> Iterator[str]:
    """Yield how the scored cases of two runs differ, patients and reference masks included."""
    mine = {(row.case, row.class_name): (row.group, row.reference) for row in one.record.cases}
    theirs = {(row.case, row.class_name): (row.group, row.reference) for row in other.record.cases}
    apart = sorted({case for case, _ in mine.keys() ^ theirs.keys()})
    if apart:
        yield f"{len(apart)} cases are scored in one only, such as {apart[0]}"
        return
    changed = sorted({case for case, name in mine if mine[case, name] != theirs[case, name]})
    if changed:
        yield f"the reference or the patient of {len(changed)} cases differs, such as {changed[0]}"
        return
    digests = one.record.summary.get("references"), other.record.summary.get("references")
    if all(digests) and digests[0] != digests[1]:
        yield "the reference masks differ in their pixels, though not in size"


def metric_differences(metric: str, one: FinishedRun, other: FinishedRun) -> Iterator[str]:
    """Yield how a metric was taken differently: component, version, params, conventions."""
    for field in ("name", "version"):
        mine, theirs = component_field(one, metric, field), component_field(other, metric, field)
        if mine != theirs:
            yield f"metric {metric} is {shown(mine)} against {shown(theirs)}"
    prefix = f"metric.{metric}."
    names = [name for name in dict.fromkeys([*one.config, *other.config]) if name.startswith(prefix)]
    for name in names if one.config and other.config else ():
        if one.config.get(name) != other.config.get(name):
            yield f"{name} is {shown(one.config.get(name))} against {shown(other.config.get(name))}"
    here, there = conventions(one, metric), conventions(other, metric)
    for key in sorted(here.keys() & there.keys()):
        if here[key] != there[key]:
            yield f"{here[key]} against {there[key]}"


def conventions(run: FinishedRun, metric: str) -> dict[tuple[str, str], str]:
    """The full names of a metric's score rows, which hold its conventions, by aggregation and class."""
    rows = [row for row in run.record.summary["scores"] if row["metric"] == metric]
    return {(str(row.get("aggregation")), row["class"]): f"{row['name']}{row.get('unit') or ''}" for row in rows}


def component_field(run: FinishedRun, metric: str, field: str) -> str:
    """Full name or version of the component that a metric is."""
    components = run.record.summary.get("components", ())
    found = [item for item in components if item.get("kind") == "metric" and item["name"].endswith(f":{metric}")]
    return str(found[0].get(field)) if found else ""


def scored_classes(run: FinishedRun) -> list[str]:
    """The classes that were scored, in their order."""
    return list(dict.fromkeys(row.class_name for row in run.record.cases))


def shown(value: Any) -> str:
    """A value as a sentence can hold it."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

"""What a comparison says, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from segkit.jobs.compare.analysis import Analysis, PairScore
from segkit.jobs.compare.costs import environment_differences
from segkit.report import text

SEEDS = "A model's score of a case is the mean over its seeds; only then are cases paired and averaged."
RULE = (
    "A difference is called sure where Wilcoxon's signed-rank test over patients (or cases), corrected for all pairs "
    "after Holm, gives p ≤ 0.05 and the 95 % interval of the mean difference excludes 0, both in the same direction. "
    "Where one model missed what the other found, distances are infinitely far apart: they count in the test as the "
    "largest differences, and in no mean."
)
MEANING = "The intervals say how far other cases could move a score, not how far another training could."


def joined(words: Sequence[str]) -> str:
    """Put words in a row: "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def headline(analysis: Analysis) -> str:
    """Answer the question in one sentence."""
    metric = analysis.main_metric
    pairs = analysis.main_pairs()
    best = analysis.order[0]
    name = analysis.models[best].label
    against = {pair.second: pair for pair in pairs if pair.first == best}
    beaten = [analysis.models[other].label for other, pair in against.items() if pair.verdict == "first"]
    open_ = [analysis.models[other].label for other, pair in against.items() if pair.verdict != "first"]
    if all(pair.verdict == "equal" for pair in pairs):
        return f"No difference: all models have the same {metric} on every case."
    if not open_:
        return f"{name} is the best: its {metric} is surely better than that of {joined(beaten)}."
    if beaten:
        return f"{name} is surely better than {joined(beaten)} in {metric}, but not surely better than {joined(open_)}."
    if any(pair.verdict in ("first", "second") for pair in pairs):
        return f"{name} comes first in {metric}, but is not surely better than {joined(open_)}."
    return f"Not sure which is better: {name} comes first in {metric}, but no difference is sure."


def pair_sentence(analysis: Analysis, pair: PairScore) -> str:
    """Say which of two is better, by how much, and whether it is sure."""
    first, second = analysis.models[pair.first].label, analysis.models[pair.second].label
    difference = pair.paired.difference
    if pair.verdict == "equal":
        return f"{first} and {second}: no difference, the same {pair.metric} on every case."
    figures = f"{text.signed(difference.mean)} {pair.metric}"
    if difference.ci_low is not None:
        figures += f", 95 % interval {text.signed_interval(difference.ci_low, difference.ci_high)}"
    if pair.paired.infinite:
        figures += f" where both found it, infinitely far apart in {pair.paired.infinite}"
    counts = f"above in {pair.paired.higher}, below in {pair.paired.lower} of {unit_count(pair)} {unit_word(analysis)}"
    said = {"first": f"{first} is better", "second": f"{second} is better"}
    verdict = said.get(pair.verdict, f"not sure, {pair.reason}")
    claim = ""
    if pair.false_claim is not None:
        claim = f", that {first} is better is false with probability {text.probability(pair.false_claim)}"
    return f"{first} minus {second}: {figures}, {probability(pair.p_holm)}, {counts}{claim}: {verdict}."


def probability(p_value: float | None) -> str:
    """Write "p = 0.031" or "p < 0.001"."""
    written = text.probability(p_value)
    return f"p {written}" if written.startswith("<") else f"p = {written}"


def unit_count(pair: PairScore) -> int:
    """Patients or cases that both have a score of."""
    return pair.paired.higher + pair.paired.equal + pair.paired.lower


def about_training(analysis: Analysis) -> str:
    """Say how much the order may owe to the chance of training, which no interval over cases shows; "" without one."""
    if all(pair.verdict == "equal" for pair in analysis.main_pairs()):
        return ""
    scores = [analysis.score(model, analysis.main_metric, analysis.overall) for model in analysis.order]
    ranges = {}
    for row in scores:
        known = [mean for mean in row.seed_means if mean is not None]
        if len(known) > 1:
            ranges[row.model] = (min(known), max(known))
    if len(ranges) < len(scores):
        return (
            "Sure means: on other cases like these. How far another training would move the scores is not known, "
            "because not every model was trained with several seeds."
        )
    overlapping = [
        f"{analysis.models[one].label} and {analysis.models[other].label}"
        for one, other in combinations(ranges, 2)
        if ranges[one][0] <= ranges[other][1] and ranges[other][0] <= ranges[one][1]
    ]
    if overlapping:
        return (
            f"Sure means: on other cases like these. The scores of single seeds overlap ({'; '.join(overlapping)}): "
            "another training could turn that order."
        )
    return "Sure means: on other cases like these. The order is the same whichever seeds are compared."


def unit_word(analysis: Analysis) -> str:
    """What is independent: patients, where cases share any."""
    groups = [group for group in analysis.data.groups if group is not None]
    return "patients" if len(set(groups)) < len(groups) else "cases"


def cautions(analysis: Analysis) -> list[str]:
    """What to bear in mind when reading this comparison."""
    found = [f"not compared, its training failed: {name}: {reason}" for name, reason in analysis.failed]
    counts = [len(model.repeats) for model in analysis.models]
    if len(set(counts)) > 1:
        pairs = zip(analysis.models, counts, strict=True)
        found.append(f"models were trained another number of times: {', '.join(f'{m.label} {n}' for m, n in pairs)}")
    record = analysis.models[0].runs[0].record
    if record.summary.get("trained_on", record.summary.get("split") == "train"):
        found.append("the scored cases are training cases: these scores say how well models remember")
    leaks = {model.label: run.record.leak for model in analysis.models for run in model.runs if run.record.leak}
    found += [f"{label}: {leak}" for label, leak in leaks.items()]
    if any(row.get("aggregation") == "pooled" for row in record.summary["scores"]):
        found.append("the runs also pool counts over cases; compared are means over cases, which can be paired")
    summaries = [row.summary for row in analysis.scores if row.metric == analysis.main_metric]
    # Scores that do not vary need no interval; what is infinite among them is still to be told.
    notes = [summary.note for summary in summaries if summary.infinite or not summary.alike]
    notes += [pair.paired.note for pair in analysis.main_pairs()]
    found += [note for note in dict.fromkeys(notes) if note]
    if different := environment_differences(analysis.models):
        found.append(f"not everything was the same in all runs: {'; '.join(different)}")
    return found

"""Whether images that are scored are trained on too: looked for before training, kept with the scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segkit.data.content import known_cases
from segkit.data.leaks import Leak, equal_files, stored_leaks, unstored_leaks
from segkit.jobs.job import Job
from segkit.jobs.start import read_start
from segkit.jobs.stores import Stores, counting

SHOWN = 3
"""Pairs that are named one by one."""


def find_leaks(job: Job, stores: Stores) -> tuple[Leak, ...]:
    """Return the images that are in two splits of a run, and say so before anything is trained.

    Training and validation images are compared as stored; of a split that is only scored photographs are decoded for
    it once more, and of volumes the files' contents are compared.
    """
    plan = job.plan
    found = stored_leaks(stores)
    if plan.split not in stores and plan.cases[plan.split]:
        found += scored_only(job, stores)
    splits: dict[frozenset[str], list[Leak]] = {}
    for leak in found:
        splits.setdefault(frozenset((leak.first[0], leak.second[0])), []).append(leak)
    for pair, leaks in splits.items():
        job.progress.message(sentence(sorted(pair), leaks, plan.split))
    return tuple(found)


def scored_only(job: Job, stores: Stores) -> list[Leak]:
    """Compare a split without a store."""
    plan = job.plan
    cases = plan.cases[plan.split]
    photographs = {split: store for split, store in stores.items() if not store.volumes}
    if not photographs:
        return equal_files(stores, plan.split, cases)
    job.progress.start("looking for equal images", len(cases), "cases")
    found = unstored_leaks(
        photographs,
        plan.reader,
        plan.data.full_name,
        plan.split,
        cases,
        workers=max(1, job.workers),
        progress=counting(job.progress),
    )
    job.progress.finish()
    return found


def sentence(pair: Sequence[str], leaks: Sequence[Leak], scored: str) -> str:
    """Say of two splits how many images are in both, and what that makes of the scores."""
    named = ", ".join(map(str, leaks[:SHOWN])) + (", ..." if len(leaks) > SHOWN else "")
    count = "1 image is" if len(leaks) == 1 else f"{len(leaks)} images are"
    text = f"LEAK: {count} in {pair[0]} and in {pair[1]}: {named}"
    if scored in pair and "train" in pair:
        return f"{text}; scores on what was trained on say too much: remove one of each"
    return text


def find_seen(job: Job, stores: Stores) -> Sequence[str] | None:
    """Return the scored cases that the source was trained on, by content, and say so before anything is trained.

    A run that is gone on with, whose source may be gone, knows from start.json what that was trained on.
    """
    start = job.started.record if job.started is not None else read_start(job.folder)
    if start is None:
        return ()
    split, cases, known = job.plan.split, job.plan.cases[job.plan.split], frozenset(start["trained_on"])
    if not known:
        job.progress.message(
            f"whether {start['source']} was trained on any of the {len(cases)} scored cases is not known"
        )
        return None
    if split in stores:
        store = stores[split]
        found = [case.id for case, content in zip(cases, store.contents, strict=True) if content in known]
    else:
        found = read_and_compare(job, known)
    if found:
        job.progress.message(seen_sentence(start["source"], found, len(cases)))
    else:
        job.progress.message(f"{start['source']} was trained on none of the {len(cases)} scored cases, by content")
    return found


def read_and_compare(job: Job, known: frozenset[str]) -> list[str]:
    """Read the scored cases for their contents."""
    plan, cases = job.plan, job.plan.cases[job.plan.split]
    job.progress.start("looking for known images", len(cases), "cases")
    advance = counting(job.progress)
    found = known_cases(plan.reader, cases, known, workers=max(1, job.workers), progress=advance)
    job.progress.finish()
    return found


def seen_sentence(model: str, found: Sequence[str], cases: int) -> str:
    """Say how many scored cases a model was trained on, and what that makes of their scores."""
    named = ", ".join(found[:SHOWN]) + (", ..." if len(found) > SHOWN else "")
    return (
        f"LEAK: {model} was trained on {len(found)} of the {cases} scored cases, by content: {named}; scores on what "
        "was trained on say too much"
    )


def leaks_record(leaks: Sequence[Leak], scored: str, seen: Sequence[str] | None = ()) -> dict[str, Any]:
    """What summary.json says of them: how many scored cases the model was trained on, and the pairs.

    Args:
        seen: scored cases that the weights at the start were trained on; None where that is not known.
    """
    trained = {
        one[1]
        for leak in leaks
        for one, other in ((leak.first, leak.second), (leak.second, leak.first))
        if one[0] == scored and other[0] == "train"
    }
    return {
        "scored_and_trained": len({*trained, *(seen or ())}),
        "source_trained": None if seen is None else list(seen),
        "pairs": [[*leak.first, *leak.second] for leak in leaks],
    }

"""What every component has to pass beside what it is for: it leaves the process alone, and its params do something."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from segkit.errors import SegkitError
from segkit.params import ParamInfo, describe
from segkit.testing.check import NotChecked, check, fail, listed
from segkit.testing.effects import fingerprint, mentioned, others, recorded
from segkit.testing.exercise import USED, build, use
from segkit.testing.subjects import ArchitectureSubject, ComponentSubject, DatasetSubject
from segkit.testing.surroundings import environment, generators, seed_all, switches, untouched

SEEDING = {"torch.manual_seed", "numpy.random.seed", "random.seed"}


FIRST = ("resolves", "builds", "sample", "shape")
"""Checks, each of some kinds, without which nothing can be used."""


def usable(subject: ComponentSubject) -> None:
    """Raise NotChecked for a kind that the kit does not know how to use."""
    if subject.kind not in USED:
        raise NotChecked(f"the kit does not use components of kind {subject.kind}")


@check("component", "globals", needs=FIRST)
def globals_kept(subject: ComponentSubject) -> None:
    """Torch's switches, shared generators, the environment and warnings are as they were once it was used."""
    usable(subject)
    import torch

    before = {name: read() for name, (read, _) in switches().items()}
    states = []
    with untouched():
        around = environment()
        try:
            for seed in (1, 2):
                seed_all(seed)
                built = build(subject, subject.params)
                # First weights are drawn with a seed that `build` sets: of networks, what forward does is looked at.
                if isinstance(subject, ArchitectureSubject):
                    torch.manual_seed(seed)
                use(subject, built, subject.params)
                states.append(generators())
        except Exception as error:
            raise NotChecked(f"it does not work: {type(error).__name__}") from None
        turned = [name for name, value in environment().items() if around[name] != value]
    # Earlier checks put back what was turned, such as when the plugin's modules were imported.
    turned += [*subject.turned, *(name for name, (read, _) in switches().items() if read() != before[name])]
    turned += [name for name in SEEDING if states[0][name] == states[1][name]]
    if turned:
        fail(
            f"it sets {listed(sorted(set(turned)))}",
            "leave what all code shares alone: with torch.no_grad():, with warnings.catch_warnings():, own generators",
        )


@check("component", "silent", needs=FIRST)
def silent(subject: ComponentSubject) -> None:
    """It prints nothing: standard output is the results' of whoever uses it."""
    usable(subject)
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            use(subject, build(subject, subject.params), subject.params)
    except Exception as error:
        raise NotChecked(f"it does not work: {type(error).__name__}") from None
    if printed.getvalue().strip():
        fail(f"it prints {printed.getvalue().strip().splitlines()[0]!r}", "take out print(), or use logging")


@check("component", "params-effect", needs=["params", *FIRST])
def params_effect(subject: ComponentSubject) -> None:
    """Every param changes something: what is built, or what comes out of it."""
    usable(subject)
    infos = describe(subject.component.params)
    if not infos:
        raise NotChecked("it has no params")
    try:
        early, reads, base = looked_at(subject, subject.params)
        unread = [name for name, info in infos.items() if name not in reads and not info.start]
        for changed in branches(subject.params, infos) if unread else ():
            reads |= looked_at(subject, changed)[1]
    except Exception as error:
        raise NotChecked(f"it does not work: {type(error).__name__}") from None
    for name, info in infos.items():
        value = getattr(subject.params, name)
        if info.start:
            continue
        if name not in reads and not (isinstance(subject, DatasetSubject) and mentioned(subject.factory, name)):
            fail(f"nothing reads {name}", "use it, or take it out of the params")
        # What is read when it is used, or in a branch alone, has an effect there.
        if isinstance(subject, DatasetSubject) or (name not in early and not info.measured):
            continue
        tried = [one for one in others(info, value) if one is not None]
        if tried and all(alike(subject, name, one, base) for one in tried):
            shown = " or ".join(map(str, tried[:3]))
            fail(f"{name}={shown} gives what {name}={value} gives", "use it, or take it out of the params")


def looked_at(subject: ComponentSubject, params: Any) -> tuple[set[str], set[str], tuple[Any, Any]]:
    """Build and use; which params the factory reads, which are read at all, and what can be compared of both."""
    reads: set[str] = set()
    twin, kind = recorded(params, reads), subject.component.params
    built = build(subject, twin)
    early, made = set(reads), fingerprint(built, kind)
    outcome = fingerprint(use(subject, built, twin), kind)
    return early, reads, (made, outcome)


def branches(params: Any, infos: Mapping[str, ParamInfo]) -> Iterator[Any]:
    """Yield params with another choice or the other truth value: some are read in one branch alone."""
    for name, info in infos.items():
        value = getattr(params, name)
        if isinstance(value, bool) or "|" in info.type:
            for other in others(info, value):
                with contextlib.suppress(Exception):
                    yield replace(params, **{name: other})


def alike(subject: ComponentSubject, name: str, value: Any, base: tuple[Any, Any]) -> bool:
    """Whether another value of a param builds the same and gives the same; not where it cannot be built at all."""
    kind = subject.component.params
    try:
        changed = replace(subject.params, **{name: value})
        built = build(subject, changed)
        if fingerprint(built, kind) != base[0]:
            return False
        return bool(fingerprint(use(subject, built, changed), kind) == base[1])
    except (Exception, SegkitError):
        return False

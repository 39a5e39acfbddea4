"""What every component has to pass beside what it is for: it leaves the process alone, and its params do something."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from segkit.params import ParamInfo, describe
from segkit.testing.causes import told
from segkit.testing.check import NotChecked, check, fail, listed
from segkit.testing.effects import fingerprint, mentioned, others, recorded
from segkit.testing.exercise import USED, build, use
from segkit.testing.subjects import ArchitectureSubject, ComponentSubject, DatasetSubject
from segkit.testing.surroundings import environment, generators, seed_all, switches, untouched

SEEDING = {"torch.manual_seed", "numpy.random.seed", "random.seed"}
WAYS = {
    "torch.manual_seed": "draw with generator=torch.Generator().manual_seed(seed)",
    "numpy.random.seed": "draw with numpy.random.default_rng(seed)",
    "random.seed": "draw with random.Random(seed)",
    "set_grad_enabled": "write with torch.no_grad(): or with torch.enable_grad(): around lines",
    "set_autocast_enabled": "write with torch.autocast(...): around lines",
    "set_detect_anomaly": "write with torch.autograd.detect_anomaly(): while you look for a fault",
    "set_default": "give dtype= and device= where tensors are made",
    "deterministic": "--deterministic is the user's to say",
    "cudnn": "how fast kernels are chosen is the run's to say",
    "set_num_threads": "the number of threads is the run's to say",
    "warnings.filters": "write with warnings.catch_warnings(): around lines",
    "numpy.seterr": "write with numpy.errstate(...): around lines",
    "os.environ": "hand values on as arguments",
    "os.chdir": "make paths from the folder that is given",
    "PIL": "open files as they are: one that is cut or huge is to be told",
    "root logger": "set the level of your own logger alone",
}
"""How to do without what a plugin sets, by words of its name; the first that fits."""


FIRST = ("resolves", "builds", "sample", "shape")
"""Checks, each of some kinds, without which nothing can be used."""


def usable(subject: ComponentSubject) -> None:
    """Raise NotChecked for a kind that the kit does not know how to use."""
    if subject.kind not in USED:
        raise NotChecked(f"the kit does not use components of kind {subject.kind}")


@contextlib.contextmanager
def working() -> Iterator[None]:
    """Around what is the component's alone: that it does not work the checks of its kind tell, not one of its manners.

    What the kit itself does goes outside: an error of its own here would look like a check that does not apply.
    """
    try:
        yield
    except Exception as error:
        raise NotChecked(f"it does not work: {told(error)}") from error


@check("component", "globals", needs=FIRST)
def globals_kept(subject: ComponentSubject) -> None:
    """Torch's switches, shared generators, the environment and warnings are as they were once it was used."""
    usable(subject)
    import torch

    before = {name: read() for name, (read, _) in switches().items()}
    states = []
    with untouched():
        around = environment()
        for seed in (1, 2):
            seed_all(seed)
            with working():
                built = build(subject, subject.params)
                # First weights are drawn with a seed that `build` sets: of networks, what forward does is looked at.
                if isinstance(subject, ArchitectureSubject):
                    torch.manual_seed(seed)
                use(subject, built, subject.params)
            states.append(generators())
        turned = [name for name, value in environment().items() if around[name] != value]
    # Earlier checks put back what was turned, such as when the plugin's modules were imported.
    turned += [*subject.turned, *(name for name, (read, _) in switches().items() if read() != before[name])]
    turned += [name for name in SEEDING if states[0][name] == states[1][name]]
    if turned:
        names = sorted(set(turned))
        ways = dict.fromkeys(next((WAYS[word] for word in WAYS if word in name), "take it out") for name in names)
        fail(f"it sets {listed(names)}", f"leave what all code shares alone: {'; '.join(ways)}")


@check("component", "silent", needs=FIRST)
def silent(subject: ComponentSubject) -> None:
    """It prints nothing: standard output is the results' of whoever uses it."""
    usable(subject)
    printed = io.StringIO()
    with working(), contextlib.redirect_stdout(printed):
        use(subject, build(subject, subject.params), subject.params)
    if printed.getvalue().strip():
        fail(f"it prints {printed.getvalue().strip().splitlines()[0]!r}", "take out print(), or use logging")


@check("component", "params-effect", needs=["params", *FIRST])
def params_effect(subject: ComponentSubject) -> None:
    """Every param changes something: what is built, or what comes out of it."""
    usable(subject)
    infos = describe(subject.component.params)
    if not infos:
        raise NotChecked("it has no params")
    suspects = suspected(subject, subject.params, looked_at(subject, subject.params), list(infos))
    for changed in branches(subject.params, infos) if suspects else ():
        with contextlib.suppress(NotChecked):
            suspects = suspected(subject, changed, looked_at(subject, changed), list(suspects))
    for name, found in suspects.items():
        fail(found, f"use {name}, or take it out of the params")


def suspected(subject: ComponentSubject, params: Any, seen: Seen, names: Sequence[str]) -> dict[str, str]:
    """What is found of those params of which nothing shows that they change anything, by name."""
    suspects: dict[str, str] = {}
    for name in names:
        info, value = describe(subject.component.params)[name], getattr(params, name)
        # Sure predictions are all that the kit shows to what is fed probabilities: a width may well not matter there.
        fed = info.measured and getattr(subject.component, "needs", "labels") == "probabilities"
        if info.start or fed or name in seen.first:
            continue
        if name not in seen.reads:
            if not (isinstance(subject, DatasetSubject) and mentioned(subject.factory, name)):
                suspects[name] = f"nothing reads {name}"
            continue
        # What is read when it is used has an effect there.
        if isinstance(subject, DatasetSubject) or (name not in seen.early and not info.measured):
            continue
        tried = [one for one in others(info, value) if one is not None]
        if tried and all(alike(subject, params, {name: one}, seen.outcome) for one in tried):
            shown = " or ".join(map(str, tried[:3]))
            suspects[name] = f"{name}={shown} gives what {name}={value} gives"
    return suspects


@dataclass
class Seen:
    """What came of building and using a component.

    Attributes:
        first: params that are read when the params themselves are made.
        early: those that are read when it is built.
        reads: those that are read at all.
        outcome: what can be compared of what was built and of what came out of it.
    """

    first: set[str]
    early: set[str]
    reads: set[str]
    outcome: tuple[Any, Any]


def looked_at(subject: ComponentSubject, params: Any) -> Seen:
    """Build and use a component with params that note who reads them; raises NotChecked where it does not work."""
    reads: set[str] = set()
    with working():
        twin = recorded(params, reads)
        first = set(reads)
        built = build(subject, twin)
    early, made = set(reads), fingerprint(built, subject.component.params)
    with working():
        used = use(subject, built, twin)
    return Seen(first, early, reads, (made, fingerprint(used, subject.component.params)))


def branches(params: Any, infos: Mapping[str, ParamInfo]) -> Iterator[Any]:
    """Yield params with another choice or the other truth value: some are read in one branch alone."""
    for name, info in infos.items():
        value = getattr(params, name)
        if isinstance(value, bool) or "|" in info.type:
            for other in others(info, value):
                with contextlib.suppress(Exception):
                    yield replace(params, **{name: other})


def alike(subject: ComponentSubject, params: Any, values: Mapping[str, Any], base: tuple[Any, Any]) -> bool:
    """Whether other values of params build the same and give the same; not where it cannot be built at all."""
    kind = subject.component.params
    try:
        with working():
            changed = replace(params, **values)
            built = build(subject, changed)
        if fingerprint(built, kind) != base[0]:
            return False
        with working():
            used = use(subject, built, changed)
    except NotChecked:
        return False
    return bool(fingerprint(used, kind) == base[1])

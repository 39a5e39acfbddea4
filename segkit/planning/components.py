"""The components that settings name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from segkit.declarations import NAME, Metric
from segkit.declarations.installed import canonical
from segkit.discovery import Found, Registry, matches
from segkit.errors import UsageError
from segkit.planning.replaced import Choice
from segkit.planning.terms import Term, parse_sum

DISTRIBUTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""A distribution's name at the beginning of a requirement."""


def required(names: Mapping[str, Any], kind: str, registry: Registry) -> str:
    """Return the component named for a kind; raises UsageError that lists what is installed."""
    name = names.get(kind)
    if isinstance(name, str) and name and name != "none":
        return name
    installed = ", ".join(item.component.name for item in registry.components(kind)) or "none"
    raise UsageError(f"no {kind} was named", f"say --{kind} NAME; installed: {installed}")


def find_losses(registry: Registry, text: str, within: Collection[str] = ()) -> tuple[tuple[Term, Found], ...]:
    """Resolve every term of a sum of losses."""
    return tuple((term, registry.find("loss", term.name, within)) for term in parse_sum(text))


def required_by(*found: Found) -> frozenset[str]:
    """Return the distributions of components and what these require.

    The names in a recipe mean what its author had installed: a stranger's component that bears one of them stops
    nobody's run (issue 20).
    """
    names = {canonical(item.plugin.name) for item in found}
    texts = [text for item in found for text in item.plugin.requires]
    return frozenset(names | {canonical(match[0]) for text in texts if (match := DISTRIBUTION.match(text))})


def find_metrics(registry: Registry, names: Any, within: Collection[str] = ()) -> tuple[Found, ...]:
    """Resolve the metrics, the main one first; raises UsageError where none is named or one is named twice."""
    listed = [part.strip() for part in names.split(",")] if isinstance(names, str) else list(names or ())
    listed = [name for name in listed if name]
    if not listed:
        installed = ", ".join(item.component.name for item in registry.components("metric")) or "none"
        raise UsageError("no metric was named", f"say --metric NAME; installed: {installed}")
    found = tuple(find_metric(registry, str(name), within) for name in listed)
    for name, count in Counter(item.component.name for item in found).items():
        if count > 1:
            raise UsageError(f"metric {name!r} is named twice", "name each metric once")
    return found


def find_metric(registry: Registry, text: str, within: Collection[str] = ()) -> Found:
    """Resolve "nsd", or "nsd-2mm=nsd": the metric once more, under a name of its own by which its params are set.

    Raises:
        UsageError: nobody provides the metric, or the name of its own cannot be one, or is another metric's.
    """
    own, equals, name = text.rpartition("=")
    found = registry.find("metric", name.strip(), within)
    own = own.strip()
    if not equals or own == found.component.name:
        return found
    if not NAME.match(own):
        raise UsageError(f"metric {text!r}: {own!r} is no name", "use a-z, 0-9 and single hyphens: nsd-2mm=nsd")
    if any(matches(item, own) for item in registry.components("metric")):
        raise UsageError(f"metric {text!r}: {own} is a metric of its own", "give the variant another name")
    variant = replace(found.component, name=own, aliases=())
    return replace(found, component=variant, variant_of=found.component.name)


def metric_of(found: Found) -> Metric:
    """The declaration of a metric that was found as one."""
    assert isinstance(found.component, Metric)
    return found.component


def find_explainers(registry: Registry, names: Any, within: Collection[str] = ()) -> tuple[Found, ...]:
    """Resolve the explainers; none where nothing or "none" is named. Raises UsageError where one is named twice."""
    listed = [part.strip() for part in names.split(",")] if isinstance(names, str) else list(names or ())
    found = tuple(registry.find("explainer", str(name), within) for name in listed if name not in ("", "none"))
    for name, count in Counter(item.component.name for item in found).items():
        if count > 1:
            raise UsageError(f"explainer {name!r} is named twice", "name each explainer once")
    return found


def chosen_components(
    arch: Found,
    data: Found,
    losses: Sequence[Found],
    metrics: Sequence[Found],
    explainers: Sequence[Found] = (),
    parts: Sequence[Found] = (),
) -> Choice:
    """Put everything that was chosen together, in the order in which the config shows it."""
    listed = [("arch", arch), ("data", data)]
    listed += [("loss", found) for found in losses] + [("metric", found) for found in metrics]
    listed += [("explainer", found) for found in explainers] + [(found.component.kind, found) for found in parts]
    return Choice(listed)

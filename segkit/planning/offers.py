"""Whether a network offers what an explainer needs of it; said before torch is imported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segkit.declarations import Architecture, Explainer
from segkit.discovery import Found, Registry
from segkit.errors import UsageError


def check_offers(arch: Found, params: Any, explainers: Sequence[Found], registry: Registry) -> None:
    """Raise UsageError where an explainer needs what the architecture, with these params, does not offer."""
    component = arch.component
    assert isinstance(component, Architecture)
    for found in explainers:
        assert isinstance(found.component, Explainer)
        wanted = {*found.component.needs}
        # A network without params that are asked about is not imported for explainers that need nothing.
        missing = sorted(wanted - {*arch.offers(params)}) if wanted else []
        if not missing:
            continue
        depends = isinstance(component.offers, str)
        able = ", ".join(those_that_offer(wanted, registry)) or "none is installed"
        raise UsageError(
            f"explainer {found.component.name} needs {' and '.join(missing)} of the network, and arch {component.name} "
            + ("has none with these params" if depends else "does not say that it offers that"),
            (f"give it params with which it has (segkit info {component.name}), or " if depends else "")
            + f"take another explainer, or a network that does: {able}",
        )


def those_that_offer(wanted: set[str], registry: Registry) -> list[str]:
    """Name the installed architectures that offer some words with their default params."""
    return [
        found.component.name
        for found in registry.components("arch")
        if isinstance(found.component, Architecture) and wanted <= {*found.offers(found.component.params())}
    ]

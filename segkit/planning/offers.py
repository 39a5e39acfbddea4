"""Whether a network offers what an explainer needs of it; said before torch is imported."""

from __future__ import annotations

from collections.abc import Sequence

from segkit.declarations import Architecture, Explainer
from segkit.discovery import Found, Registry
from segkit.errors import UsageError


def check_offers(arch: Found, explainers: Sequence[Found], registry: Registry) -> None:
    """Raise UsageError where an explainer needs what the architecture does not say that it offers."""
    assert isinstance(arch.component, Architecture)
    for found in explainers:
        assert isinstance(found.component, Explainer)
        missing = sorted({*found.component.needs} - {*arch.component.offers})
        if not missing:
            continue
        wanted = {*found.component.needs}
        able = [
            item.component.name
            for item in registry.components("arch")
            if isinstance(item.component, Architecture) and wanted <= {*item.component.offers}
        ]
        raise UsageError(
            f"explainer {found.component.name} needs {' and '.join(missing)} of the network, and arch "
            f"{arch.component.name} does not say that it offers that",
            f"take another explainer, or a network that does: {', '.join(able) or 'none is installed'}",
        )

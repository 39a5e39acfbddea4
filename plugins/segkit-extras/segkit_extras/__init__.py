"""A post-processing step, an exporter, a section of the report, metrics of agreement, and a subcommand."""

from __future__ import annotations

__version__ = "0.1.0"

import math
from typing import Any

from segkit import Exporter, Metric, PostProcessing, ReportSection, hookimpl


@hookimpl
def segkit_parts() -> list[PostProcessing | Exporter | ReportSection]:
    """Return the parts."""
    return [
        PostProcessing(
            name="majority",
            factory="segkit_extras.smooth:build",
            summary="Each pixel becomes the label that most of its neighbourhood has.",
            params="segkit_extras.smooth:Smooth",
        ),
        Exporter(
            name="plain-tensors",
            factory="segkit_extras.weights:build",
            summary="The network's tensors alone, as safetensors.",
            suffix=".tensors.safetensors",
        ),
        ReportSection(
            name="predicted-sizes",
            factory="segkit_extras.sizes:build",
            summary="How much larger or smaller than the reference each class is predicted.",
        ),
    ]


@hookimpl
def segkit_metrics() -> list[Metric]:
    """Return the metrics of agreement."""
    measure, paper = "segkit_extras.agreement:measure", "Bland, Altman: Lancet 327 (1986) 307-310"
    ml: dict[str, Any] = {
        "measure": measure,
        "unit": "ml",
        "range": (-math.inf, math.inf),
        "target": 0.0,
        "reference": paper,
    }
    return [
        Metric(
            name="volume-bias",
            overlapping=True,
            factory="segkit_extras.agreement:bias",
            summary="Predicted minus reference volume.",
            **ml,
        ),
        *(
            Metric(
                name=f"{side}-limit-of-agreement",
                overlapping=True,
                factory=f"segkit_extras.agreement:{side}_limit",
                summary=f"{side.capitalize()} end of the range that 95 of 100 differences of volumes lie in.",
                params="segkit_extras.agreement:Limits",
                over="cases",
                **ml,
            )
            for side in ("lower", "upper")
        ),
        Metric(
            name="volume-correlation",
            overlapping=True,
            factory="segkit_extras.agreement:correlation",
            measure=measure,
            summary="Correlation of predicted and reference volumes over all cases.",
            params="segkit_extras.agreement:Correlation",
            range=(-1.0, 1.0),
            over="cases",
            reference="Lin: Biometrics 45 (1989) 255-268",
        ),
    ]


@hookimpl
def segkit_commands() -> dict[str, str]:
    """Return the subcommand."""
    return {"sizes": "segkit_extras.command:sizes"}

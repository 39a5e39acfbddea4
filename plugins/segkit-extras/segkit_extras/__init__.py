"""A post-processing step, an exporter, a section of the report, and a subcommand."""

from __future__ import annotations

__version__ = "0.1.0"

from segkit import Exporter, PostProcessing, ReportSection, hookimpl


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
def segkit_commands() -> dict[str, str]:
    """Return the subcommand."""
    return {"sizes": "segkit_extras.command:sizes"}

"""Metrics of structure: lesions one by one, boundaries, and topology."""

from __future__ import annotations

__version__ = "0.1.0"

import math

from segkit import Metric, hookimpl

MEASURE = "segkit_structure.measure:measure"
"""All metrics share one pass; what a structure costs to measure is paid when first asked for."""

RELOADED = "Maier-Hein et al.: Metrics reloaded. Nature Methods 21 (2024) 195-212"
KIRILLOV = "Kirillov et al.: Panoptic Segmentation. CVPR 2019, arXiv:1801.00868"
CHENG = (
    "Cheng et al.: Boundary IoU: Improving Object-Centric Image Segmentation Evaluation. CVPR 2021, arXiv:2103.16562"
)
CSURKA = "Csurka et al.: What is a good evaluation measure for semantic segmentation? BMVC 2013"
SHIT = "Shit et al.: clDice, a Novel Topology-Preserving Loss Function. CVPR 2021, arXiv:2003.07311"
HU = "Hu et al.: Topology-Preserving Deep Image Segmentation. NeurIPS 2019, arXiv:1906.05404"


@hookimpl
def segkit_metrics() -> list[Metric]:
    """Return the metrics."""
    return [*lesion_metrics(), *boundary_metrics(), *topology_metrics()]


def lesion_metrics() -> list[Metric]:
    """The metrics of connected components, matched one with another."""
    return [
        Metric(
            name="lesion-f1",
            measure=MEASURE,
            overlapping=True,
            factory="segkit_structure.lesions:lesion_f1",
            summary="F1 of lesions found: connected components, matched by a stated rule.",
            params="segkit_structure.params:LesionParams",
            reference=RELOADED,
        ),
        Metric(
            name="panoptic-quality",
            measure=MEASURE,
            overlapping=True,
            factory="segkit_structure.lesions:panoptic_quality",
            summary="Lesion F1 times the mean IoU of the lesions found.",
            params="segkit_structure.params:LesionParams",
            reference=KIRILLOV,
        ),
        Metric(
            name="lesion-count-error",
            measure=MEASURE,
            overlapping=True,
            factory="segkit_structure.lesions:lesion_count_error",
            summary="By how many the number of predicted lesions is off.",
            params="segkit_structure.params:CountParams",
            reference=RELOADED,
            range=(0.0, math.inf),
            higher_is_better=False,
        ),
    ]


def boundary_metrics() -> list[Metric]:
    """The metrics of boundaries."""
    return [
        Metric(
            name="boundary-iou",
            measure=MEASURE,
            overlapping=True,
            factory="segkit_structure.boundaries:boundary_iou",
            summary="Intersection over union of the inner bands along both outlines.",
            params="segkit_structure.params:BoundaryIouParams",
            reference=CHENG,
        ),
        Metric(
            name="boundary-f1",
            measure=MEASURE,
            overlapping=True,
            factory="segkit_structure.boundaries:boundary_f1",
            summary="F1 of edge voxels within a tolerance of the other edge (BF score).",
            params="segkit_structure.params:BoundaryF1Params",
            reference=CSURKA,
        ),
    ]


def topology_metrics() -> list[Metric]:
    """The metrics of topology."""
    return [
        Metric(
            name="cl-dice",
            measure=MEASURE,
            overlapping=True,
            factory="segkit_structure.topology:cl_dice",
            summary="Centreline Dice: how much of each skeleton lies within the other side.",
            params="segkit_structure.params:EmptyParams",
            reference=SHIT,
        ),
        Metric(
            name="betti-error",
            measure=MEASURE,
            overlapping=True,
            factory="segkit_structure.topology:betti_error",
            summary="By how much the numbers of parts, loops and cavities differ.",
            params="segkit_structure.params:BettiParams",
            reference=HU,
            range=(0.0, math.inf),
            higher_is_better=False,
        ),
    ]

"""Metrics: overlap, volume and surface distance with stated conventions."""

from __future__ import annotations

__version__ = "0.1.0"

import math

from segkit import Metric, hookimpl

MEASURE = "segkit_metrics.measure:measure"
"""All metrics share one pass: counts at once, distances when first asked for."""

DICE = "Dice: Measures of the Amount of Ecologic Association Between Species. Ecology 26 (1945) 297-302"
JACCARD = "Jaccard: The Distribution of the Flora in the Alpine Zone. New Phytologist 11 (1912) 37-50"
ISIC = "Codella et al.: Skin Lesion Analysis Toward Melanoma Detection 2018. arXiv:1902.03368"
TAHA = "Taha, Hanbury: Metrics for evaluating 3D medical image segmentation. BMC Medical Imaging 15 (2015) 29"
RELOADED = "Maier-Hein et al.: Metrics reloaded. Nature Methods 21 (2024) 195-212"
MATTHEWS = "Matthews: Comparison of the predicted and observed secondary structure. BBA 405 (1975) 442-451"
NAEINI = "Naeini et al.: Obtaining Well Calibrated Probabilities Using Bayesian Binning. AAAI 2015"
NEUMANN = "Neumann et al.: Relaxed Softmax. NeurIPS workshop MLITS 2018"
BRIER = "Brier: Verification of forecasts expressed in terms of probability. Monthly Weather Review 78 (1950) 1-3"
GOOD = "Good: Rational Decisions. Journal of the Royal Statistical Society B 14 (1952) 107-114"
NIKOLOV = "Nikolov et al.: Clinically Applicable Segmentation of Head and Neck Anatomy. JMIR 23 (2021) e26151"


@hookimpl
def segkit_metrics() -> list[Metric]:
    """Return the metrics."""
    return [*overlap_metrics(), *volume_metrics(), *distance_metrics(), *calibration_metrics()]


def overlap_metrics() -> list[Metric]:
    """The metrics of overlap, from counts."""
    return [
        Metric(
            name="dice",
            measure=MEASURE,
            overlapping=True,
            factory="segkit_metrics.overlap:dice",
            summary="Dice coefficient: twice the overlap over the sum of both sizes.",
            params="segkit_metrics.params:OverlapParams",
            reference=DICE,
            poolable=True,
        ),
        Metric(
            name="iou",
            measure=MEASURE,
            overlapping=True,
            factory="segkit_metrics.overlap:iou",
            summary="Intersection over union (Jaccard index).",
            params="segkit_metrics.params:OverlapParams",
            aliases=("jaccard",),
            reference=JACCARD,
            poolable=True,
        ),
        Metric(
            name="threshold-jaccard",
            measure=MEASURE,
            overlapping=True,
            factory="segkit_metrics.overlap:threshold_jaccard",
            summary="Jaccard index, 0 where it is below a threshold.",
            params="segkit_metrics.params:ThresholdParams",
            reference=ISIC,
        ),
        Metric(
            name="precision",
            measure=MEASURE,
            overlapping=True,
            factory="segkit_metrics.overlap:precision",
            summary="Share of the prediction that is right (positive predictive value).",
            params="segkit_metrics.params:SideParams",
            reference=TAHA,
            poolable=True,
        ),
        Metric(
            name="recall",
            measure=MEASURE,
            overlapping=True,
            factory="segkit_metrics.overlap:recall",
            summary="Share of the mask that is found (sensitivity).",
            params="segkit_metrics.params:SideParams",
            aliases=("sensitivity",),
            reference=TAHA,
            poolable=True,
        ),
        Metric(
            name="specificity",
            measure=MEASURE,
            overlapping=True,
            factory="segkit_metrics.overlap:specificity",
            summary="Share of what is outside of the class that is left alone; grows with the background shown.",
            params="segkit_metrics.params:SpecificityParams",
            reference=TAHA,
            poolable=True,
        ),
        Metric(
            name="accuracy",
            measure=MEASURE,
            overlapping=True,
            factory="segkit_metrics.overlap:accuracy",
            summary="Share of the pixels that are right, inside or outside; grows with the background shown.",
            reference=TAHA,
            poolable=True,
        ),
        Metric(
            name="npv",
            measure=MEASURE,
            overlapping=True,
            factory="segkit_metrics.overlap:npv",
            summary="Share of what is left alone that is right to be; grows with the background shown.",
            params="segkit_metrics.params:SpecificityParams",
            aliases=("negative-predictive-value",),
            reference=TAHA,
            poolable=True,
        ),
        Metric(
            name="balanced-accuracy",
            measure=MEASURE,
            overlapping=True,
            factory="segkit_metrics.overlap:balanced_accuracy",
            summary="Mean of recall and specificity.",
            params="segkit_metrics.params:BothParams",
            reference=RELOADED,
            poolable=True,
        ),
        Metric(
            name="mcc",
            measure=MEASURE,
            overlapping=True,
            factory="segkit_metrics.overlap:mcc",
            summary="Matthews correlation coefficient of both masks; 0 is what guessing gives.",
            params="segkit_metrics.params:BothParams",
            reference=MATTHEWS,
            range=(-1.0, 1.0),
            poolable=True,
        ),
    ]


def volume_metrics() -> list[Metric]:
    """The metrics of size, from counts."""
    return [
        Metric(
            name="volume-similarity",
            measure=MEASURE,
            overlapping=True,
            factory="segkit_metrics.overlap:volume_similarity",
            summary="1 where both sizes are equal, 0 where only one has the class; blind to where they lie.",
            params="segkit_metrics.params:OverlapParams",
            reference=TAHA,
            poolable=True,
        ),
        Metric(
            name="relative-volume-error",
            measure=MEASURE,
            overlapping=True,
            factory="segkit_metrics.overlap:relative_volume_error",
            summary="Error of the size over the mask's size.",
            params="segkit_metrics.params:VolumeErrorParams",
            reference=TAHA,
            range=(-1.0, math.inf),
            target=0.0,
            poolable=True,
        ),
    ]


def distance_metrics() -> list[Metric]:
    """The metrics of surface distance."""
    return [
        distance_metric("hd", "Hausdorff distance: the largest distance between both edges.", "DistanceParams", TAHA),
        distance_metric("hd95", "95th percentile of the distances between both edges.", "Hd95Params", RELOADED),
        distance_metric(
            "assd", "Average symmetric surface distance: mean over both edges together.", "DistanceParams", RELOADED
        ),
        distance_metric(
            "masd", "Mean average surface distance: mean of both directions' means.", "DistanceParams", RELOADED
        ),
        Metric(
            name="nsd",
            measure=MEASURE,
            overlapping=True,
            factory="segkit_metrics.surface:nsd",
            summary="Normalised surface distance (surface Dice): share of both surfaces within a tolerance.",
            params="segkit_metrics.params:SurfaceDiceParams",
            from_readers="segkit_metrics.between_readers:tolerance_of_readers",
            aliases=("surface-dice",),
            reference=NIKOLOV,
        ),
    ]


def distance_metric(name: str, summary: str, params: str, reference: str) -> Metric:
    """Declare a distance, whose factory has its name."""
    return Metric(
        name=name,
        measure=MEASURE,
        overlapping=True,
        factory=f"segkit_metrics.surface:{name}",
        summary=summary,
        params=f"segkit_metrics.params:{params}",
        reference=reference,
        unit="mm",
        range=(0.0, math.inf),
        higher_is_better=False,
    )


def calibration_metrics() -> list[Metric]:
    """The metrics of probabilities."""
    return [
        calibration_metric("ece", "Expected calibration error: confidence against accuracy, bin by bin.", NAEINI),
        calibration_metric("ace", "Average calibration error: every bin that holds pixels weighs alike.", NEUMANN),
        calibration_metric("mce", "Maximum calibration error: the worst bin.", NAEINI),
        calibration_metric("brier", "Mean squared error of the probabilities.", BRIER, "Calibration", 2.0),
        calibration_metric("nll", "Mean negative log-likelihood of what is there.", GOOD, "Calibration", math.inf),
    ]


def calibration_metric(name: str, summary: str, reference: str, params: str = "Binned", worst: float = 1.0) -> Metric:
    """Declare a metric of probabilities, whose factory has its name."""
    return Metric(
        name=name,
        measure="segkit_metrics.reliability:measure",
        needs="probabilities",
        factory=f"segkit_metrics.calibration:{name}",
        summary=summary,
        params=f"segkit_metrics.params:{params}Params",
        reference=reference,
        range=(0.0, worst),
        higher_is_better=False,
        poolable=True,
    )

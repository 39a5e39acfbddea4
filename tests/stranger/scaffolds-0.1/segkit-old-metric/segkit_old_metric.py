"""F-beta score: overlap with a weight for missed pixels."""

from dataclasses import dataclass

import segkit


@dataclass(frozen=True)
class Params:
    """What can be set with `--set metric.old-metric.PARAM=VALUE`."""

    # Replace by the params of your metric; measured=True for one that changes what is measured.
    beta: float = segkit.param(2.0, "How much more a missed pixel costs than a spurious one.", min=0.01, max=100)


@segkit.hookimpl
def segkit_metrics():
    """Declare the metric; numpy is imported when it is used."""
    return [
        segkit.Metric(
            name="old-metric",
            measure="segkit_old_metric:measure",
            factory="segkit_old_metric:build",
            params=Params,
            # Replace by what your metric is: its unit ("mm" for a distance), range and direction, and whether counts
            # may be summed over cases before the score is taken.
            summary="F-beta score: overlap with a weight for missed pixels.",
            unit="",
            range=(0.0, 1.0),
            higher_is_better=True,
            poolable=True,
        )
    ]


def measure(prediction, mask, spacing, task, options):
    """Count the pixels of one case per class; pixels with label 255 are in none of the counts."""
    import numpy as np

    valid = mask != segkit.IGNORE
    sides = [(prediction == label, mask == label) for label in range(1, len(task.classes) + 1)]

    def count(inside):
        return np.array([np.sum(inside(*side) & valid) for side in sides], dtype=np.int64)

    return segkit.Measurement(
        true_positive=count(lambda predicted, reference: predicted & reference),
        false_positive=count(lambda predicted, reference: predicted & ~reference),
        false_negative=count(lambda predicted, reference: ~predicted & reference),
        true_negative=count(lambda predicted, reference: ~predicted & ~reference),
        shape=mask.shape,
        spacing=spacing,
    )


def build(task, params):
    """Return the function that scores what was measured: one value per class."""
    import numpy as np

    def score(measured):
        # Replace from here. A class that neither side has gets NaN, and is counted as empty by segkit.
        hit = (1 + params.beta**2) * measured.true_positive
        whole = hit + params.beta**2 * measured.false_negative + measured.false_positive
        return np.divide(hit, whole, out=np.full(len(whole), np.nan), where=whole > 0)

    return score

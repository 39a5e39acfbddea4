"""The table of wrong metrics, and what the right ones do."""

from __future__ import annotations

import numpy as np
from wrong import Table

import segkit

METRICS = Table()
COUNTS = ("true_positive", "false_positive", "false_negative", "true_negative")


def taken(prediction, mask, spacing, task, options=None, **changes):
    """Count rightly, but for changes."""
    valid = mask != segkit.IGNORE
    labels = range(1, len(task.classes) + 1)
    pairs = [(prediction == label, mask == label) for label in labels]
    found = {
        "true_positive": np.array([(p & r & valid).sum() for p, r in pairs], np.int64),
        "false_positive": np.array([(p & ~r & valid).sum() for p, r in pairs], np.int64),
        "false_negative": np.array([(~p & r & valid).sum() for p, r in pairs], np.int64),
        "true_negative": np.array([(~p & ~r & valid).sum() for p, r in pairs], np.int64),
        "shape": mask.shape,
        "spacing": spacing,
    }
    return segkit.Measurement(**{**found, **changes})


def dice(measured):
    """Derive it rightly."""
    total = measured.reference + measured.predicted
    return np.where(total == 0, np.nan, 2 * measured.true_positive / np.maximum(total, 1))

"""Metrics that are each wrong in one way: the table, filled by the modules it comes from."""

from __future__ import annotations

import wrong_distances
import wrong_scores
from metric_base import METRICS

__all__ = ["METRICS", "wrong_distances", "wrong_scores"]

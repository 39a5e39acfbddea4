"""What scores come to, how sure that is, and whether two models differ."""

from __future__ import annotations

from segkit.statistics.comparison import PairedComparison, compare_paired, holm
from segkit.statistics.ranking import RankStability, rank_stability
from segkit.statistics.summary import Summary, summarize

__all__ = ["PairedComparison", "RankStability", "Summary", "compare_paired", "holm", "rank_stability", "summarize"]

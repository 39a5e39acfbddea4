"""What people read of a run: score tables, curves, pictures and report.html, made from a run directory."""

from __future__ import annotations

from segkit.report.html import Section
from segkit.report.pictures import CasePicture, choose_cases
from segkit.report.tables import ScoreRow, print_scores, table_rows
from segkit.report.writer import write_report

__all__ = ["CasePicture", "ScoreRow", "Section", "choose_cases", "print_scores", "table_rows", "write_report"]

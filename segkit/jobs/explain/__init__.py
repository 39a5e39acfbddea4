"""Explanations of cases and files, written to a folder: a stage of a run, and `segkit explain`."""

from __future__ import annotations

from segkit.jobs.explain.cases import check_run_layers, explain_run
from segkit.jobs.explain.folder import Explained, write_explained
from segkit.jobs.explain.subject import Subject, case_subject, explain_subject, make_wish

__all__ = [
    "Explained",
    "Subject",
    "case_subject",
    "check_run_layers",
    "explain_run",
    "explain_subject",
    "make_wish",
    "write_explained",
]

"""Predictions of files that belong to no dataset: `segkit predict`."""

from __future__ import annotations

from segkit.predicting.inputs import Input, find_inputs
from segkit.predicting.work import Options, Outcome, predict_files

__all__ = ["Input", "Options", "Outcome", "find_inputs", "predict_files"]

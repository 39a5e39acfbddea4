"""Predictions of files that belong to no dataset: `segkit predict`."""

from __future__ import annotations

from segkit.jobs.predict.files import Options, Outcome, predict_files
from segkit.jobs.predict.inputs import Input, Inputs, counted, find_inputs
from segkit.jobs.predict.single import Prediction, predict_image, write_labels_of

__all__ = [
    "Input",
    "Inputs",
    "Options",
    "Outcome",
    "Prediction",
    "counted",
    "find_inputs",
    "predict_files",
    "predict_image",
    "write_labels_of",
]

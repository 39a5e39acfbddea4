"""What the files and folders of predictions are called."""

from __future__ import annotations

SIZES = "sizes.csv"
"""The size of every class in every image."""
RECORD = "prediction.json"
"""By which models, with which settings, what each file became; tells predictions from images."""
OVERLAYS = "overlays"
"""Folder of pictures to look at."""
PROBABILITIES = "probabilities"
"""Folder of .npy files."""

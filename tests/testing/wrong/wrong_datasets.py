"""Datasets that are each wrong in one way: the table, filled by the modules it comes from."""

from __future__ import annotations

import wrong_files
import wrong_reading
from dataset_base import DATASETS

__all__ = ["DATASETS", "wrong_files", "wrong_reading"]

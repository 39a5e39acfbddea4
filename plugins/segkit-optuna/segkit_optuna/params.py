"""What people can set of the searcher."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import segkit


@dataclass(frozen=True)
class TpeParams:
    """Params of tpe."""

    storage: str | None = segkit.param(
        None, "URL of a storage of Optuna, such as postgresql://...; none: a journal file in the sweep's folder."
    )
    startup: int = segkit.param(8, "Trials with random values before the estimator suggests.", min=1)
    pruner: Literal["median", "none"] = segkit.param(
        "median", "median: stop a trial whose best score so far is worse than the median of the others at that epoch."
    )
    warmup: int = segkit.param(3, "Epochs in which no trial is stopped.", min=0)

"""What can be set of segkit-uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segkit import param


@dataclass(frozen=True)
class McDropoutParams:
    """What can be varied of Monte Carlo dropout."""

    passes: int = param(16, "Passes through the network, each with other values dropped.", min=2, max=1000)
    measure: Literal["entropy", "mutual-information"] = param(
        "entropy",
        "Entropy of the mean probabilities; or their mutual information with what is dropped, which leaves out what "
        "every pass is unsure of.",
    )
    seed: int = param(0, "Of what is dropped: the same seed gives the same map.", min=0)

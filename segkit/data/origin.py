"""What a label map belongs to and what made it, as far as a format can say it in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Maker:
    """What made a label map.

    Attributes:
        name: of the network.
        version: of its distribution.
        checkpoint: SHA-256 of the file of its weights; of several models those of all, joined by spaces. Empty where
            the weights are in no file yet, as in a run.
        data: params of the dataset that it was trained on.
    """

    name: str = ""
    version: str = ""
    checkpoint: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Origin:
    """The image that a label map belongs to.

    Attributes:
        files: all that it was read from, as the format gathered them.
        affine: (4, 4) of the oriented grid, axes as `segkit.data.case.Sample` has them; None of photographs.
        classes: names in label order.
        maker: None where a run wrote it.
    """

    files: tuple[Path, ...]
    affine: np.ndarray | None
    classes: tuple[str, ...]
    maker: Maker | None = None

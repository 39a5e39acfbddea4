"""What can be set of segkit-gradcam."""

from __future__ import annotations

from dataclasses import dataclass

from segkit import param


@dataclass(frozen=True)
class GradCamParams:
    """What can be varied of Grad-CAM; the default is the published one."""

    pool: int | None = param(
        None,
        "Side in cells of the window that the gradient is averaged over, an odd number; none: the whole map. "
        "1 multiplies element by element.",
        min=1,
    )

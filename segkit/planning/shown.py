"""What scoring shows a network that training did not: copies that are mirrored or turned, larger windows."""

from __future__ import annotations

from collections.abc import Sequence

from segkit.config import Config
from segkit.data.working_grid import TILES
from segkit.declarations import Task
from segkit.errors import UsageError

WINDOWED = ("patches", TILES)
"""Modes in which an image is shown window by window."""


def check_copies(config: Config, task: Task, size: Sequence[int]) -> None:
    """Raise UsageError where scoring would mirror or turn what training does not: left would be right."""
    mirrored = config.augment.mirrored(task.spatial_dims)
    if config.evaluate.mirror and not mirrored:
        raise UsageError(
            "evaluate.mirror: training mirrors no axis (augment.flip=0), so a mirrored copy is an image never seen",
            "say --set evaluate.mirror=false, or set augment.flip",
        )
    if config.evaluate.turn and not config.augment.turned(task.spatial_dims):
        raise UsageError(
            "evaluate.turn: training turns no image by quarters, so a turned copy is an image never seen",
            "say --set evaluate.turn=false, or set augment.flip and augment.transpose, or augment.rotation=180 and "
            "augment.warp",
        )
    if config.evaluate.turn and size[-1] != size[-2]:
        raise UsageError(
            f"evaluate.turn: a working size of {' x '.join(map(str, size))} is no square, which a turned copy needs",
            "say --set evaluate.turn=false, or set a square --size",
        )


def check_window(window: Sequence[int] | None, mode: str, size: Sequence[int], *, sized: bool) -> None:
    """Raise UsageError where windows of another size than in training cannot be shown to the network.

    Args:
        size: of a patch or tile in training.
        sized: the network is built for that size.
    """
    if window is None:
        return
    if mode not in WINDOWED:
        raise UsageError(f"evaluate.window: in mode {mode} an image is not shown window by window", "leave it out")
    if len(window) != len(size):
        raise UsageError(
            f"evaluate.window has {len(window)} sides, the network is shown {len(size)}", "give one for each axis"
        )
    if sized and tuple(window) != tuple(size):
        raise UsageError(
            f"evaluate.window: the network is built for {' x '.join(map(str, size))} and takes no other size",
            "leave it out",
        )

"""Intensity normalisations: four rows of numbers of every case, which depend on its image alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segkit.errors import SegkitError
from segkit.testing.check import check, fail
from segkit.testing.subjects import ComponentSubject

if TYPE_CHECKING:
    import numpy as np

SIZES = ((20, 24), (6, 10, 12))


def images(size: tuple[int, ...], channels: int) -> list[np.ndarray]:
    """A photograph's values, a CT's with air around the body, and an MR's with a few bright voxels."""
    import numpy as np

    random = np.random.default_rng(channels)
    photograph = random.random((channels, *size))
    ct = np.full((channels, *size), -1000.0)
    body = (slice(None), *(slice(side // 4, -side // 4) for side in size))
    ct[body] = random.normal(40, 60, ct[body].shape)
    mr = random.gamma(2.0, 150.0, (channels, *size))
    mr.reshape(channels, -1)[:, :3] = 20_000
    return [one.astype(np.float32) for one in (photograph, ct, mr)]


def measured(subject: ComponentSubject, image: np.ndarray, params: Any = None) -> tuple[tuple[float, ...], ...]:
    """Mean, std, low and high of each channel as the core asks for them; what it refuses is a failure."""
    from segkit.data.normalize import Measure

    function = subject.factory(subject.params if params is None else params)
    try:
        return Measure(subject.name, None, function)(image)
    except SegkitError as error:
        fail(error.message, "return (low, high, mean, std), each one finite number per channel, std above 0")


@check(
    "normalization",
    "rows",
    needs=["resolves"],
    raised="take images (C, H, W) and (C, D, H, W): flatten what follows the channels",
)
def rows(subject: ComponentSubject) -> None:
    """Of photographs and volumes of 1, 3 and 4 channels it gives four rows of finite numbers, std above 0."""
    for size in SIZES:
        for channels in (1, 3, 4):
            for image in images(size, channels):
                measured(subject, image)


@check("normalization", "blank", needs=["rows"])
def blank(subject: ComponentSubject) -> None:
    """A channel that is the same everywhere has numbers too: a scan's padding, an empty channel."""
    import numpy as np

    for size in SIZES:
        for value in (0.0, -1000.0, 7.0):
            measured(subject, np.full((2, *size), value, np.float32))


@check("normalization", "useful", needs=["rows"])
def useful(subject: ComponentSubject) -> None:
    """What differs in an image still differs afterwards, in numbers that a network can learn from."""
    import numpy as np

    spreads = []
    for size in SIZES:
        for image in images(size, 2):
            mean, std, low, high = (np.asarray(row).reshape(-1, *(1,) * len(size)) for row in measured(subject, image))
            found = (np.clip(image, low, high) - mean) / std
            if not bool((high > low).any()):
                spreads.append(0.0)
                continue
            spreads.append(float(found.std(axis=tuple(range(1, found.ndim))).max()))
    # A fixed range of values is right for one kind of image and leaves nothing of another.
    if not any(spreads):
        fail("clipped to low and high every image is the same everywhere", "give low < high: (low, high, mean, std)")
    wrong = [one for one in spreads if one and not 1e-3 < one < 1e3]
    if wrong:
        fail(
            f"an image's values vary by {wrong[0]:.3g} afterwards",
            "divide by the spread of the values, which may be 0 where most of an image is air: (low, high, mean, std)",
            "a spread between 0.001 and 1000",
        )


@check("normalization", "image-kept", needs=["rows"])
def image_kept(subject: ComponentSubject) -> None:
    """The image that it measures is as it was."""
    import numpy as np

    for image in images(SIZES[0], 3):
        # The core hands over a copy where it changes the type: here is what other callers see.
        given = image.copy()
        subject.factory(subject.params)(given)
        if not np.array_equal(given, image):
            fail("it changes the image", "work on a copy")


@check("normalization", "deterministic", needs=["rows"])
def deterministic(subject: ComponentSubject) -> None:
    """The same image has the same numbers, whatever was measured before: training and prediction must agree."""
    function, first, second, _ = subject.factory(subject.params), *images(SIZES[1], 2)
    one = [tuple(map(float, row)) for row in function(first.copy())]
    function(second.copy())
    if one != [tuple(map(float, row)) for row in function(first.copy())]:
        fail("after another image its numbers are others", "keep nothing from one case to the next")

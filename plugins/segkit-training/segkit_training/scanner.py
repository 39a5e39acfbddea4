"""What MR scanners add to an image: uneven coils, ghosts and blur of movement, coarse sampling. Masks stay.

Each has a plain function of numbers, and one that draws the numbers. Values that are multiplied are counted from the
image's darkest one: what is given is normalised, and has no zero of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch.nn import functional

from segkit import Task
from segkit_training.augmentations import Change, at_times
from segkit_training.params import BiasField, Ghosting, LowResolution, Motion

LINEAR = {2: "bilinear", 3: "trilinear"}


def bias_field(task: Task, params: BiasField) -> Change:
    """Multiply by a smooth field, the exponential of a polynomial."""

    def change(image: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
        coefficients = random.uniform(-params.limit, params.limit, (params.order + 1,) * (image.ndim - 1))
        field = legendre_field(image.shape[1:], coefficients).to(image.dtype).to(image.device)
        low = image.min()
        return (image - low) * field.exp() + low

    return at_times(params.probability, change)


def legendre_field(shape: Sequence[int], coefficients: np.ndarray) -> torch.Tensor:
    """Return a sum of products of Legendre polynomials along the axes of a grid S, from -1 to 1, as float64.

    Van Leemput et al., IEEE TMI 18 (1999) 885. Products of a degree above that of one axis count as nothing, and so
    does the constant: how bright an image is as a whole is not uneven.

    Args:
        coefficients: (order + 1,) per axis.
    """
    degrees = sum(np.ogrid[tuple(slice(side) for side in coefficients.shape)])
    field = torch.from_numpy(np.where((degrees > 0) & (degrees < coefficients.shape[0]), coefficients, 0.0))
    for side in shape:
        places = np.linspace(-1, 1, side)
        basis = torch.from_numpy(np.polynomial.legendre.legvander(places, coefficients.shape[0] - 1))
        field = torch.tensordot(field, basis, dims=([0], [1]))  # the axis that is done goes to the end
    return field


def ghosting(task: Task, params: Ghosting) -> Change:
    """Let weak copies of the image appear along one axis, as breathing and pulse do."""

    def change(image: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
        axis = int(random.integers(1, image.ndim))
        copies = int(random.integers(2, params.copies + 1))
        return ghosts(image, axis, copies, float(random.uniform(0, params.limit)))

    return at_times(params.probability, change)


def ghosts(image: torch.Tensor, axis: int, copies: int, strength: float) -> torch.Tensor:
    """Weaken every `copies`-th line of an image's spectrum along one axis, but for the middle one: means stay.

    As TorchIO does (Perez-Garcia et al. 2021): what is taken away is the mean of `copies` images, each moved by a part
    of the side.
    """
    spectrum = torch.fft.fft(image, dim=axis)
    lines = torch.arange(image.shape[axis], device=image.device)
    weak = (lines % copies == 0) & (lines > 0)
    weights = (1 - strength * weak.to(image.dtype)).view(-1, *[1] * (image.ndim - 1 - axis))
    found: torch.Tensor = torch.fft.ifft(spectrum * weights, dim=axis)
    return found.real


def motion(task: Task, params: Motion) -> Change:
    """Let the patient move while the image is taken: its spectrum is put together from several poses."""

    def change(image: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
        dims = image.ndim - 1
        axis = int(random.integers(1, image.ndim))
        count = int(random.integers(1, params.moves + 1))
        # The middle of the spectrum, which says where things lie, is of the pose that the mask was drawn in.
        starts = np.sort(random.uniform(0, 0.5 - params.still / 2, count))
        turns = random.uniform(-params.rotation, params.rotation, (count, len(planes_of(dims))))
        shifts = random.uniform(-params.shift, params.shift, (count, dims))
        first = int(random.integers(0, 2))
        poses = [posed(image, *pose) for pose in zip(turns, shifts, strict=True)]
        return moved(image, axis, starts, poses, first)

    return at_times(params.probability, change)


def planes_of(dims: int) -> list[tuple[int, int]]:
    """The pairs of axes that an image can be turned in."""
    return list(itertools.combinations(range(dims), 2))


def posed(image: torch.Tensor, turns: Sequence[float], shifts: Sequence[float]) -> torch.Tensor:
    """Return an image (C, *S) turned and moved, linearly interpolated, its border repeated.

    Args:
        turns: degrees in each pair of axes, in pixels.
        shifts: pixels along each axis.
    """
    sides = np.array(image.shape[1:], np.float64)
    matrix = np.eye(len(sides))
    for (first, second), degrees in zip(planes_of(len(sides)), turns, strict=True):
        turn = np.eye(len(sides))
        cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        turn[first, first] = turn[second, second] = cosine
        turn[first, second], turn[second, first] = -sine, sine
        matrix = matrix @ turn
    # grid_sample counts from -1 to 1 along each side, and names the axes from the last one.
    scaled = matrix * sides[None] / sides[:, None]
    offset = -2 * np.asarray(shifts, np.float64) / sides
    theta = np.concatenate([scaled[::-1, ::-1], offset[::-1, None]], axis=1)[None]
    grid = functional.affine_grid(
        torch.from_numpy(theta).to(image.dtype).to(image.device), [1, *image.shape], align_corners=False
    )
    return functional.grid_sample(image[None], grid, "bilinear", "border", align_corners=False)[0]


def moved(
    image: torch.Tensor, axis: int, starts: Iterable[float], poses: Sequence[torch.Tensor], first: int
) -> torch.Tensor:
    """Return an image whose spectrum along one axis is that of other poses from its edge up to so many lines.

    As in Shaw et al. 2019 (https://proceedings.mlr.press/v102/shaw19a.html), on one side of the spectrum.

    Args:
        starts: of each pose, rising, how far from the edge it ends, as a share of all lines, under a half.
        first: 0: the low end of the spectrum, 1: its high end.
    """
    lines = image.shape[axis]
    spectrum = torch.fft.fftshift(torch.fft.fft(image, dim=axis), dim=axis)
    begun = 0
    for share, pose in zip(starts, poses, strict=True):
        ended = round(share * lines)
        other = torch.fft.fftshift(torch.fft.fft(pose, dim=axis), dim=axis)
        where = slice(begun, ended) if first == 0 else slice(lines - ended, lines - begun)
        place = (slice(None),) * axis + (where,)
        spectrum[place] = other[place]
        begun = ended
    found: torch.Tensor = torch.fft.ifft(torch.fft.ifftshift(spectrum, dim=axis), dim=axis)
    return found.real


def low_resolution(task: Task, params: LowResolution) -> Change:
    """Make the image coarser and finer again, along all axes or along one."""

    def change(image: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
        zoom = float(random.uniform(params.limit, 1))
        alone = int(random.integers(0, image.ndim - 1)) if random.random() < params.thick else None
        sides = [
            side if alone not in (None, axis) else max(1, round(side * zoom))
            for axis, side in enumerate(image.shape[1:])
        ]
        return coarse(image, sides)

    return at_times(params.probability, change)


def coarse(image: torch.Tensor, sides: Sequence[int]) -> torch.Tensor:
    """Return an image (C, *S) sampled on a coarser grid, by nearest neighbours, and brought back, linearly."""
    few = functional.interpolate(image[None], size=list(sides), mode="nearest-exact")
    fine: torch.Tensor = functional.interpolate(
        few, size=image.shape[1:], mode=LINEAR[image.ndim - 1], align_corners=False
    )
    return fine[0]

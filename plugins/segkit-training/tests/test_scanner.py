"""What MR scanners do to images against numpy, scipy, MONAI and closed forms."""

import pytest

pytest.importorskip("segkit_training")

import numpy as np
import torch
from scipy import ndimage

from segkit import Task
from segkit_training import scanner
from segkit_training.params import BiasField, Ghosting, LowResolution, Motion

TASK = Task(1, ("organ", "lesion"))
ALL = {
    "bias_field": BiasField,
    "ghosting": Ghosting,
    "motion": Motion,
    "low_resolution": LowResolution,
}


def image_of(*shape: int, channels: int = 2) -> torch.Tensor:
    """An image (C, *S) of smooth noise."""
    values = np.random.default_rng(0).normal(size=(channels, *shape))
    return torch.from_numpy(ndimage.gaussian_filter(values, (0, *[1.5] * len(shape)))).float()


@pytest.mark.parametrize("shape", [(24, 30), (10, 12, 14)])
@pytest.mark.parametrize("name", ALL)
def test_the_image_changes_alone_and_by_the_generator_alone(name, shape) -> None:
    """In 2D and 3D; equal randomness gives equal images, other randomness others; what was given stays as it was."""
    image, mask = image_of(*shape), torch.ones(shape, dtype=torch.long)
    before = image.clone()
    change = getattr(scanner, name)(TASK, ALL[name](probability=1.0))
    one, labels = change(image, mask, np.random.default_rng(3))
    again, _ = change(image, mask, np.random.default_rng(3))
    other, _ = change(image, mask, np.random.default_rng(4))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(image, before)
    assert labels is mask
    assert (one.shape, one.dtype) == (image.shape, image.dtype)
    assert getattr(scanner, name)(TASK, ALL[name](probability=0.0))(image, mask, np.random.default_rng(0))[0] is image


def test_the_field_is_numpy_s_in_2d() -> None:
    """A sum of products of Legendre polynomials, those of a low degree."""
    coefficients = np.random.default_rng(1).normal(size=(4, 4))
    found = scanner.legendre_field((7, 9), coefficients)
    kept = [[c if 0 < i + j < 4 else 0 for j, c in enumerate(row)] for i, row in enumerate(coefficients)]
    wanted = np.polynomial.legendre.leggrid2d(np.linspace(-1, 1, 7), np.linspace(-1, 1, 9), kept)
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-12)


def test_the_field_is_monai_s_in_3d() -> None:
    """Of the same coefficients, in MONAI's order of them."""
    transforms = pytest.importorskip("monai.transforms", reason="MONAI is the oracle")
    drawn = np.random.default_rng(1).normal(size=(4, 4, 4))
    order = [(i, j, k) for i in range(4) for j in range(4 - i) for k in range(4 - i - j)]
    listed = [0.0, *(drawn[place] for place in order[1:])]
    wanted = transforms.RandBiasField()._generate_random_field((5, 6, 7), 3, listed)
    np.testing.assert_allclose(scanner.legendre_field((5, 6, 7), drawn).numpy(), wanted, atol=1e-6)


def test_a_bias_field_multiplies_what_is_above_the_darkest_value() -> None:
    """A constant image stays, and a field of a known coefficient has a known end."""
    mask = torch.zeros(5, 5, dtype=torch.long)
    flat = torch.full((1, 5, 5), -2.0)
    change = scanner.bias_field(TASK, BiasField(probability=1.0))
    assert torch.equal(change(flat, mask, np.random.default_rng(0))[0], flat)
    coefficients = np.zeros((2, 2))
    coefficients[1, 0] = 0.3
    field = scanner.legendre_field((5, 5), coefficients).exp()
    np.testing.assert_allclose(field[:, 0].numpy(), np.exp(0.3 * np.linspace(-1, 1, 5)))


@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize("copies", [2, 3, 4])
def test_ghosts_are_copies_that_are_moved(axis, copies) -> None:
    """What is missing is the mean of moved copies; the mean along the axis stays. No transform is needed to say so."""
    image = image_of(12, 12, 12)
    found = scanner.ghosts(image, axis, copies, 0.4)
    shifted = [image.roll(number * 12 // copies, dims=axis) for number in range(copies)]
    mean = image.mean(dim=axis, keepdim=True)
    wanted = image - 0.4 * (torch.stack(shifted).mean(dim=0) - mean)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_ghosts_of_no_strength_are_none() -> None:
    """Up to rounding, also of sides that no number of copies divides."""
    image = image_of(13, 17)
    torch.testing.assert_close(scanner.ghosts(image, 2, 5, 0.0), image, atol=1e-5, rtol=0)


def test_a_pose_is_scipy_s() -> None:
    """Turned about the middle and moved, in 3D, sides of different lengths."""
    image = image_of(20, 24, 28, channels=1)
    found = scanner.posed(image, (10.0, 0.0, 0.0), (0.0, 1.5, -2.0))[0]
    turn = np.deg2rad(10.0)
    matrix = np.eye(3)
    matrix[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    middle = (np.array([20, 24, 28]) - 1) / 2
    offset = middle - matrix @ middle - np.array([0.0, 1.5, -2.0])
    wanted = ndimage.affine_transform(image[0].numpy(), matrix, offset, order=1, mode="nearest")
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-4)


@pytest.mark.parametrize("first", [0, 1])
def test_a_moved_patient_is_a_spectrum_of_two_poses(first) -> None:
    """Lines of numpy's spectrum, by their frequency, of the one image and of the other."""
    image, other = image_of(16, 18), image_of(16, 18).flip(1)
    found = scanner.moved(image, 1, [0.25], [other], first)
    lines = np.fft.fftfreq(16)[:, None] * 16
    taken = lines < -4 if first == 0 else lines >= 4
    spectra = [np.fft.fft(one.numpy(), axis=1) for one in (image, other)]
    wanted = np.fft.ifft(np.where(taken, spectra[1], spectra[0]), axis=1).real
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-5)


def test_a_patient_who_moves_little_lies_where_the_mask_is() -> None:
    """The centre of mass of a bright box stays within a third of a pixel, wherever he moves to."""
    mask = torch.zeros(40, 40, dtype=torch.long)
    mask[12:26, 15:25] = 1
    image = mask.float()[None]
    change = scanner.motion(TASK, Motion(probability=1.0, moves=3, rotation=10, shift=8))
    for seed in range(20):
        values = change(image, mask, np.random.default_rng(seed))[0][0].clamp_min(0).numpy()
        inside = values * (values > 0.5)
        np.testing.assert_allclose(ndimage.center_of_mass(inside), (18.5, 19.5), atol=0.34)


@pytest.mark.parametrize("shape", [(20, 24), (12, 16, 10)])
def test_low_resolution_is_monai_s(shape) -> None:
    """Of the same factor, along all axes."""
    transforms = pytest.importorskip("monai.transforms", reason="MONAI is the oracle")
    mode = {2: "bilinear", 3: "trilinear"}[len(shape)]
    peer = transforms.RandSimulateLowResolution(prob=1, downsample_mode="nearest-exact", upsample_mode=mode)
    image = image_of(*shape)
    peer._do_transform, peer.zoom_factor = True, 0.6
    wanted = peer(image, randomize=False)
    found = scanner.coarse(image, [round(0.6 * side) for side in shape])
    np.testing.assert_allclose(found.numpy(), np.asarray(wanted), atol=1e-6)


def test_thick_slices_are_coarse_along_one_axis() -> None:
    """An image that is constant along all other axes changes for one of them only."""
    ramps = torch.stack(torch.meshgrid(*[torch.arange(12.0) % 2] * 3, indexing="ij"))
    change = scanner.low_resolution(TASK, LowResolution(probability=1.0, thick=1.0, limit=0.5))
    counts = []
    for seed in range(8):
        changed, _ = change(ramps, torch.zeros(12, 12, 12, dtype=torch.long), np.random.default_rng(seed))
        counts.append(sum(not torch.allclose(one, other) for one, other in zip(ramps, changed, strict=True)))
    assert max(counts) == 1  # 0 where the drawn factor rounds to the side itself

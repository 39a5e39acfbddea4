"""Normalisation layers: what they compute, whichever way they take."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from segkit_unet.normalization import InstanceNorm

SHAPES = {2: (3, 4, 5, 7), 3: (2, 4, 3, 5, 6)}
LAYOUTS = {2: torch.channels_last, 3: torch.channels_last_3d}


def inputs(dims: int, dtype: torch.dtype, *, channels_last: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images, weight and bias that want gradients."""
    generator = torch.Generator().manual_seed(dims)
    x = 3 + 2 * torch.randn(SHAPES[dims], generator=generator, dtype=torch.float64)
    laid = x.to(dtype=dtype, memory_format=LAYOUTS[dims] if channels_last else torch.contiguous_format)
    weight, bias = torch.randn(2, 4, generator=generator, dtype=torch.float64).to(dtype)
    return laid.requires_grad_(), weight.requires_grad_(), bias.requires_grad_()


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_training_takes_another_way_to_the_same_values(dims: int, channels_last: bool, dtype: torch.dtype) -> None:
    """Values and gradients in train mode are those of torch's instance normalisation in float64."""
    x, weight, bias = inputs(dims, dtype, channels_last=channels_last)
    layer = InstanceNorm(4, 4)
    layer.weight, layer.bias = torch.nn.Parameter(weight.detach().double()), torch.nn.Parameter(bias.detach().double())
    if dtype != torch.float64:
        layer.float()
    given = torch.randn(x.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64).to(dtype)
    found = layer.train()(x)
    gradients = torch.autograd.grad(found, (x, layer.weight, layer.bias), given)
    exact = [tensor.detach().double().requires_grad_() for tensor in (x, weight, bias)]
    expected = functional.instance_norm(exact[0], weight=exact[1], bias=exact[2])
    expected_gradients = torch.autograd.grad(expected, exact, given.double())
    tolerance = {torch.float64: 1e-10, torch.float32: 2e-5, torch.bfloat16: 4e-2}[dtype]
    assert found.dtype == dtype
    for one, other in zip((found, *gradients), (expected, *expected_gradients), strict=True):
        scale = float(other.detach().abs().max())
        torch.testing.assert_close(one.double(), other, rtol=0, atol=tolerance * scale)


def test_gradients_are_those_of_differences() -> None:
    """torch.autograd.gradcheck of the way that training takes."""
    x, weight, bias = inputs(2, torch.float64, channels_last=True)
    layer = InstanceNorm(4, 4).double().train()

    def normalized(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(normalized, (x, weight, bias))


def test_a_sample_does_not_depend_on_the_others() -> None:
    """Bit for bit, and channels-last tensors stay so."""
    x, _, _ = inputs(2, torch.float32, channels_last=True)
    layer = InstanceNorm(4, 4).train()
    whole = layer(x)
    assert whole.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(whole, torch.cat([layer(x[i : i + 1]) for i in range(len(x))]))

"""Training steps through torch.compile."""

import copy

import pytest
import torch
from torch import nn

from segkit.contracts import Outputs
from segkit.engine.compiled import compiled
from segkit.errors import SegkitError


class Heads(nn.Module):
    """Two outputs, as networks with deep supervision have them."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(2, 3, 3, padding=1)
        self.head = nn.Conv2d(3, 1, 1)

    def forward(self, x: torch.Tensor) -> Outputs:
        features = self.body(x).relu()
        return Outputs([self.head(features), self.head(features[:, :, ::2, ::2])], (1.0, 0.5))


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def test_gradients_are_those_of_the_network() -> None:
    """Compiled by aot_eager, full and smaller batches leave the gradients that the network itself leaves."""
    torch.manual_seed(0)
    plain = Heads()
    shared = copy.deepcopy(plain)
    forward = compiled(shared, "aot_eager")
    for samples in (4, 4, 1):
        images = torch.rand(samples, 2, 8, 8)
        for call in (plain, forward):
            found = call(images)
            sum(w * logits.square().mean() for logits, w in zip(found.logits, found.weights, strict=True)).backward()
    for own, expected in zip(shared.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(own.grad, expected.grad)


def test_without_a_backend_the_network_is_called_itself() -> None:
    """Nothing is compiled that nobody asked for."""
    model = Heads()
    assert compiled(model, "none") is model


def test_a_backend_that_fails_is_a_sentence() -> None:
    """The network and the way out are named, not a page of the compiler's own."""

    def broken(graph, inputs):
        raise RuntimeError("no compiler here\nand much more")

    forward = compiled(Heads(), broken)  # a backend may also be a function
    with pytest.raises(SegkitError, match=r"fails on Heads: .*no compiler here"):
        forward(torch.rand(1, 2, 8, 8))

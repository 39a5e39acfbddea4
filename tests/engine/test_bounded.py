"""Networks that a file asks for and its tensors do not explain are refused before they are allocated."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from segkit.engine.bounded import TooLargeError, build_bounded
from segkit.engine.memory import resident_peak, start_peak

WEIGHTS = nn.Linear(4, 4).state_dict()


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.Linear(100_000, 50_000),
        lambda: nn.Sequential(*(nn.Linear(4000, 4000) for _ in range(100))),
        lambda: nn.Sequential(*(nn.Linear(1, 1) for _ in range(100_000))),
        lambda: nn.Linear(1, torch.arange(60_000)[:, None].mul(torch.arange(60_000)).shape[0]),
        lambda: nn.ParameterList([torch.eye(40_000)]),
        lambda: nn.ParameterList([torch.zeros(3).repeat(2_000_000_000)]),
    ],
    ids=["one layer", "many layers", "many small ones", "a table of positions", "an identity", "a repetition"],
)
def test_what_the_file_does_not_explain_is_never_allocated(build) -> None:
    """Twenty gigabytes are refused without a hundred megabytes of them being touched."""
    start_peak(torch.device("cpu"))  # what other tests took before would hide it
    before = resident_peak()
    with pytest.raises(TooLargeError):
        build_bounded(build, WEIGHTS)
    assert resident_peak() - before < 500 * 2**20


def test_right_networks_are_built_as_ever() -> None:
    """The same weights from the same seed, also where a value is read on the way."""

    def build() -> nn.Module:
        rates = [value.item() for value in torch.linspace(0, 0.5, 3)]
        return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), *(nn.Dropout(rate) for rate in rates))

    torch.manual_seed(0)
    expected = build().state_dict()
    torch.manual_seed(0)
    found = build_bounded(build, expected).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_the_compiler_is_not_imported_for_it() -> None:
    """Of each start of `segkit predict` it took a second and a half of a processor."""
    code = (
        "import sys; from torch import nn; from segkit.engine.bounded import build_bounded; "
        "build_bounded(lambda: nn.Linear(2, 2), nn.Linear(2, 2).state_dict()); sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

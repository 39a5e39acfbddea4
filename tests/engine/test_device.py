"""The device and the precision that a run has."""

import pytest
import torch

from segkit.engine import device as subject
from segkit.engine.device import autocast, training_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(("matrix_unit", "expected"), [(True, "bfloat16"), (False, "none")])
def test_auto_is_reduced_where_the_processor_gains(
    matrix_unit: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training is bfloat16 with matrix units and float32 without them; predictions are float32 either way."""
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: matrix_unit, raising=False)
    ones = torch.ones(2, 2)
    assert training_precision(CPU, "auto") == expected
    with autocast(CPU, training_precision(CPU, "auto")):
        assert (ones @ ones).dtype == (torch.bfloat16 if matrix_unit else torch.float32)
    with autocast(CPU, "auto"):
        assert (ones @ ones).dtype == torch.float32


def test_a_pytorch_that_cannot_tell_stays_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PyTorch does not say what the processor has, nothing is reduced."""
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    assert not subject.has_matrix_unit()
    assert training_precision(CPU, "auto") == "none"


@pytest.mark.parametrize("wanted", ["none", "bfloat16", "float16"])
def test_what_was_asked_for_is_taken(wanted: str) -> None:
    """A named precision holds on any device."""
    assert training_precision(CPU, wanted) == wanted
    assert training_precision(torch.device("cuda"), wanted) == wanted

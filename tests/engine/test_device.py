"""The device and the precision that a run has."""

import pytest
import torch

from segkit.engine import device as subject
from segkit.engine.device import autocast, choose_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(("matrix_unit", "expected"), [(True, "bfloat16"), (False, "none")])
def test_auto_is_reduced_where_the_processor_gains(
    matrix_unit: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Matrix products under "auto" are bfloat16 on a processor with matrix units, float32 on one without."""
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: matrix_unit, raising=False)
    assert choose_precision(CPU, "auto") == expected
    with autocast(CPU, "auto"):
        found = torch.ones(2, 2) @ torch.ones(2, 2)
    assert found.dtype == (torch.bfloat16 if matrix_unit else torch.float32)


def test_a_pytorch_that_cannot_tell_stays_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PyTorch does not say what the processor has, nothing is reduced."""
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    assert not subject.has_matrix_unit()
    assert choose_precision(CPU, "auto") == "none"


@pytest.mark.parametrize("wanted", ["none", "bfloat16", "float16"])
def test_what_was_asked_for_is_taken(wanted: str) -> None:
    """A named precision holds on any device."""
    assert choose_precision(CPU, wanted) == wanted
    assert choose_precision(torch.device("cuda"), wanted) == wanted

"""What a probe does of what a run does."""

import pytest

from segkit.config import Layer
from segkit.engine.state import read_state
from segkit.jobs.plan import bench
from segkit.jobs.plan.bench import InProcess


@pytest.mark.parametrize("whole", [False, True])
def test_a_whole_probe_saves_the_state_and_scores_a_case(toy_registry, tmp_path, monkeypatch, whole) -> None:
    """As the run does: both take memory; a quick probe leaves them out."""
    monkeypatch.setattr(bench, "FEW", (2, 0.0))
    monkeypatch.setattr(bench, "MANY", (2, 0.0))
    values = {"components.arch": "net", "components.data": "squares", "run.device": "cpu", "train.batch_size": 2}
    probed = InProcess([Layer("flag", values)], tmp_path, toy_registry).steps({}, 10**12, whole=whole)
    assert not probed.failed
    state = tmp_path / "state" / "state.safetensors"
    assert state.exists() is whole
    assert (probed.predict > 0) is whole
    if whole:
        tensors, _ = read_state(state)
        assert any("exp_avg" in name for name in tensors)  # the optimizer's own, which there is after a first step

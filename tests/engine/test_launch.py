"""Whose process this is: what torchrun says is taken, what a job script says is not."""

import pytest

from segkit.engine.launch import Launch
from segkit.errors import UsageError

BOTH = {"RANK": "1", "WORLD_SIZE": "4"}
MEETING = {"MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}


@pytest.mark.parametrize(
    "said", [{}, {"RANK": "3"}, {"RANK": "no number"}, {"WORLD_SIZE": "8"}, {"LOCAL_RANK": "2", **MEETING}]
)
def test_half_of_it_is_a_job_scripts_own(said):
    """One process, that leads."""
    assert Launch.from_environment(said) == Launch()
    assert Launch.from_environment(said).leads


def test_what_torchrun_says():
    """Place among all and on the machine, machines, restarts; one process needs no address."""
    said = {**BOTH, **MEETING, "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RESTART_COUNT": "2"}
    assert Launch.from_environment(said) == Launch(1, 4, 1, 2, 2)
    alone = {"RANK": "0", "WORLD_SIZE": "1", "TORCHELASTIC_RESTART_COUNT": "1"}
    assert Launch.from_environment(alone) == Launch(restarts=1)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (BOTH, "RANK=1 and WORLD_SIZE=4 are set, MASTER_ADDR is not"),
        ({**BOTH, "MASTER_ADDR": "localhost"}, "MASTER_PORT is not"),
        ({**BOTH, **MEETING, "MASTER_PORT": "x"}, "MASTER_PORT='x'"),
        ({**BOTH, **MEETING, "MASTER_PORT": "70000"}, "MASTER_PORT='70000'"),
        ({**BOTH, **MEETING, "RANK": "four"}, "RANK='four'"),
        ({**BOTH, **MEETING, "RANK": "4"}, "RANK='4' is no whole number from 0 to 3"),
        ({**BOTH, **MEETING, "RANK": "-1"}, "RANK='-1'"),
        ({**BOTH, "RANK": "²"}, "RANK='²'"),
        ({**BOTH, **MEETING, "WORLD_SIZE": "0"}, "WORLD_SIZE='0'"),
        ({**BOTH, **MEETING, "WORLD_SIZE": ""}, "WORLD_SIZE=''"),
        ({**BOTH, **MEETING, "LOCAL_WORLD_SIZE": "0"}, "LOCAL_WORLD_SIZE='0'"),
        ({**BOTH, **MEETING, "LOCAL_RANK": "9"}, "LOCAL_RANK='9'"),
        ({**BOTH, **MEETING, "TORCHELASTIC_RESTART_COUNT": "x"}, "TORCHELASTIC_RESTART_COUNT='x'"),
    ],
)
def test_what_cannot_be_is_a_sentence(said, named):
    """A usage error that names the variable and both ways out."""
    with pytest.raises(UsageError) as caught:
        Launch.from_environment(said)
    assert named in caught.value.message
    assert "torchrun" in caught.value.hint

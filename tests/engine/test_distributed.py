"""Several processes that share a run: what each gets, and that together they do what one does."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from segkit.engine.distributed import ALONE, Ranks

SHARED_TRAINING = '''
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from segkit.data.batches import Batch
from segkit.engine.distributed import Ranks
from segkit.engine.objective import Objective, WeightedLoss
from segkit.engine.progress import Progress
from segkit.engine.trainer import Trainer
from segkit.settings import Run, Train

ranks = Ranks.from_environment()


class Dealt:
    """Seven samples in steps of 5 and 2: of three ranks one has no sample of the second step."""

    steps, samples = 2, 7

    def __init__(self):
        generator = torch.Generator().manual_seed(1)
        self.images = torch.rand(7, 2, 6, 6, generator=generator)
        self.masks = (self.images.mean(1) > 0.5).long()

    def epoch(self, epoch, start=0):
        for first in (0, 5)[start > 0 :]:
            step = np.arange(first, min(first + 5, 7))
            own = step[ranks.rank :: ranks.count]
            yield Batch(self.images[own], self.masks[own], own, len(step))


class Network(nn.Module):
    """Two convolutions, and a parameter that nothing uses."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 1, 1))
        self.unused = nn.Parameter(torch.ones(3))

    def forward(self, images):
        return self.body(images)


def loss(logits, mask):
    values = functional.binary_cross_entropy_with_logits(logits[:, 0], mask.float(), reduction="none")
    return values.flatten(1).mean(1)


with ranks.joined(torch.device("cpu")):
    torch.manual_seed(0)
    model = Network()
    settings = Train(epochs=3, learning_rate=0.01, weight_decay=0.1, accumulate=2)
    objective = Objective([WeightedLoss("bce", 1.0, loss)])
    trainer = Trainer(
        model, objective, Dealt(), settings, Run(autocast="none"), torch.device("cpu"),
        validate=None, select=None, progress=Progress(), ranks=ranks,
    )
    trainer.train()
    assert ranks.gather([ranks.rank]) == list(range(ranks.count))
    assert ranks.told(ranks.rank) == 0
    assert ranks.any(ranks.rank == ranks.count - 1) and not ranks.any(False)
    losses = torch.tensor([record["loss"] for record in trainer.history])
    save_file({**model.state_dict(), "losses": losses}, f"{sys.argv[1]}/{ranks.count}-{ranks.rank}.safetensors")
# Threads of the group that outlive it can abort a process that ends.
threads = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
assert not [name for name in threads if "gloo" in name], threads
'''


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, torch.Tensor]]:
    """Weights and losses after training with one and with three processes, by "ranks-rank"."""
    folder = tmp_path_factory.mktemp("ranks")
    script = folder / "train.py"
    script.write_text(SHARED_TRAINING)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "3"]
    for command in ([sys.executable], launch):
        done = subprocess.run([*command, str(script), str(folder)], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
    return {path.stem: load_file(path) for path in folder.glob("*.safetensors")}


def test_three_ranks_find_the_weights_of_one(weights: dict[str, dict[str, torch.Tensor]]) -> None:
    """Uneven steps, a rank without a sample, accumulation and clipping: the same weights, the same losses."""
    for rank in range(3):
        for name, alone in weights["1-0"].items():
            torch.testing.assert_close(weights[f"3-{rank}"][name], alone, rtol=0, atol=1e-6)


def test_ranks_hold_equal_weights(weights: dict[str, dict[str, torch.Tensor]]) -> None:
    """Not merely close: bit for bit, or they would drift apart."""
    for name, value in weights["3-0"].items():
        assert torch.equal(value, weights["3-1"][name])
        assert torch.equal(value, weights["3-2"][name])


def test_what_no_rank_uses_is_left_alone(weights: dict[str, dict[str, torch.Tensor]]) -> None:
    """Weight decay does not move a parameter without a gradient."""
    assert torch.equal(weights["3-0"]["unused"], torch.ones(3))


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_item_is_in_one_share(count: int) -> None:
    """Shares are disjoint and complete, also where there are more ranks than items."""
    dealt = [Ranks(rank, count).share(range(5)) for rank in range(count)]
    assert sorted(item for share in dealt for item in share) == list(range(5))


def test_the_environment_of_torchrun_is_read() -> None:
    """Rank, count, place on the machine and restarts; nothing said is one process."""
    said = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "TORCHELASTIC_RESTART_COUNT": "2"}
    said |= {"MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}
    assert Ranks.from_environment(said) == Ranks(3, 4, 1, 2)
    assert Ranks.from_environment({}) == ALONE


def test_one_process_talks_to_itself() -> None:
    """Alone, everything is its own answer."""
    values = torch.tensor([1.0, 2.0])
    assert ALONE.gather([1, 2]) == [1, 2]
    assert ALONE.told("x") == "x"
    assert ALONE.any(True)
    assert ALONE.add(values) is values
    assert np.array_equal(ALONE.share([1, 2, 3]), [1, 2, 3])

"""Modes, the network's task and the working grid."""

import pytest

from segkit.declarations import Task
from segkit.discovery import Registry
from segkit.errors import SegkitError, UsageError
from segkit.planning.modes import choose_mode, network_task, with_modes_of, working_size
from segkit.settings import Data


@pytest.fixture
def blocks(toy_registry: Registry):
    """A dataset of volumes with three modes."""
    return toy_registry.find("data", "blocks")


class Reader:
    """A reader of volumes, or of photographs."""

    def __init__(self, dims: int = 3) -> None:
        self.task = Task(2, ("low", "high"), dims)


def test_the_first_mode_that_the_architecture_can(toy_registry: Registry, blocks) -> None:
    """Slices for a 2D network; where the files allow fewer modes, the first of those."""
    net, solid = (toy_registry.find("arch", name).component for name in ("net", "solid"))
    assert choose_mode(net, blocks.component, None, toy_registry) == "slices"
    assert choose_mode(solid, blocks.component, "patches", toy_registry) == "patches"
    reader = Reader()
    reader.modes = ("patches",)
    assert with_modes_of(blocks.component, reader).modes == {"patches": 3}
    assert with_modes_of(blocks.component, Reader()) is blocks.component


@pytest.mark.parametrize(("mode", "channels", "dims"), [("slices", 2, 2), ("slab", 10, 2), ("patches", 2, 3)])
def test_the_task_is_the_mode_s(blocks, mode: str, channels: int, dims: int) -> None:
    """A slab's neighbours are channels."""
    task = network_task(Reader(), blocks.component, mode, Data())
    assert (task.in_channels, task.spatial_dims, task.classes) == (channels, dims, ("low", "high"))


@pytest.mark.parametrize(
    ("mode", "settings", "said"),
    [
        ("patches", Data(spacing=(1.0, 1.0)), "data.spacing has 2 numbers"),
        ("slices", Data(window=(5.0, 1.0)), "data.window is not a lowest and a highest"),
        ("slices", Data(window=(5.0,)), "data.window is not a lowest and a highest"),
        ("slab", Data(slab=4), "data.slab=4"),
    ],
)
def test_settings_of_volumes_that_cannot_be_meant(blocks, mode: str, settings: Data, said: str) -> None:
    """Each is a sentence before anything is read."""
    with pytest.raises(UsageError, match=said):
        network_task(Reader(), blocks.component, mode, settings)


def test_photographs_have_no_slices(blocks) -> None:
    """A dataset that declares a mode of volumes and has photographs is its author's fault."""
    with pytest.raises(SegkitError, match="which is for volumes, and photographs"):
        network_task(Reader(2), blocks.component, "slices", Data())


def test_one_number_is_every_side(blocks) -> None:
    """Of a square, of a cube; another number of sides, or none, is a sentence."""
    assert working_size((16,), 3, blocks) == (16, 16, 16)
    assert working_size((16, 24), 2, blocks) == (16, 24)
    with pytest.raises(UsageError, match="--size has 2 numbers, the network works in 3D"):
        working_size((16, 24), 3, blocks)
    with pytest.raises(UsageError, match="no working size was named for dataset blocks"):
        working_size(None, 3, blocks)

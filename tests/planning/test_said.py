"""What is said and what is wished, in the order in which it counts."""

import pytest

from segkit.config import Kind, Layer, resolve
from segkit.declarations import Task
from segkit.discovery import Registry
from segkit.errors import SegkitError, UsageError
from segkit.planning.replaced import Choice
from segkit.planning.said import Said, check_asked, settings_of_params, wishes_of


def test_each_kind_has_its_place_whatever_the_order_given(toy_registry: Registry) -> None:
    """Default < recipe < derived < source < checkpoint < file < variable < flag; of one kind the later one."""
    given = [Layer(kind.name, {"train.epochs": 10 + kind}, kind) for kind in Kind if kind is not Kind.ENVIRONMENT]
    said = Said(list(reversed(given)), {"SEGKIT_TRAIN_EPOCHS": "9"})
    kinds = [layer.kind for layer in said.layers()]
    assert kinds == list(Kind)
    assert resolve(said.layers(), []).train.epochs == 17
    assert resolve(Said(given[:-1], {"SEGKIT_TRAIN_EPOCHS": "9"}).layers(), []).train.epochs == 9
    assert resolve(Said([*given, Layer("later", {"train.epochs": 3})], {}).layers(), []).train.epochs == 3


def test_strays_are_told_once_everything_is_chosen(toy_registry: Registry) -> None:
    """A variable of a param that was chosen is none."""
    told: list[str] = []
    choice = Choice([("arch", toy_registry.find("arch", "net"))])
    Said([], {"SEGKIT_ARCH_WIDTH": "3", "SEGKIT_ARCH_DEPTH": "3"}).tell_strays(choice, told.append)
    assert [text.partition(" ")[0] for text in told] == ["SEGKIT_ARCH_DEPTH"]
    Said([], {"SEGKIT_ARCH_DEPTH": "3"}).tell_strays(choice, None)


def test_wishes_are_the_mode_s(toy_registry: Registry) -> None:
    """An architecture's defaults by spatial dims, a recipe's part by mode; neither in a mode that is not there."""

    class Reader:
        recipe = {"train.epochs": 2, "patches": {"train.epochs": 5}}

    arch, data = toy_registry.find("arch", "net"), toy_registry.find("data", "blocks")
    for mode, defaults, epochs in (("slices", {"train.learning_rate": 0.05, "arch.width": 6}, 2), ("patches", {}, 5)):
        wished = wishes_of(arch, data, Reader(), mode)
        assert [layer.kind for layer in wished] == [Kind.DEFAULT, Kind.RECIPE]
        assert [dict(layer.values) for layer in wished] == [defaults, {"train.epochs": epochs}]
    assert [dict(layer.values) for layer in wishes_of(arch, data, Reader(), "other")] == [{}, {"train.epochs": 2}]


def test_settings_that_are_none_are_the_author_s_fault(toy_registry: Registry, monkeypatch) -> None:
    """What follows from params is config fields, and not the params themselves."""
    import segkit_toy

    arch = toy_registry.find("arch", "net")
    choice = Choice([("arch", arch)])
    config = resolve([], choice.params)
    for wrong in (["data.mean"], {"arch.width": 3}):
        monkeypatch.setattr(segkit_toy, "settings_of_net", lambda task, params, wrong=wrong: wrong)
        with pytest.raises(SegkitError, match="not config fields; report it to its author"):
            settings_of_params(arch, Task(3, ("a",)), config)


def test_what_a_command_does_not_take_is_refused() -> None:
    """Sections, single fields, and fields in a section that are not meant; a typo is left to be told as one."""
    taken = ("data", "run.name")
    check_asked([Layer("--set", {"data.root": "x", "run.name": "y", "trian.epochs": 1})], taken, ("data.size",), "hint")
    for name in ("data.size", "run.seed", "train.epochs", "loss.dice.smooth"):
        with pytest.raises(UsageError, match=f"--set: {name} was decided when the model was trained; hint"):
            check_asked([Layer("--set", {name: 1})], taken, ("data.size",), "hint")

"""The layered config: precedence, checks, TOML in and out."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segkit.config import (
    OTHER_NAMES,
    ChosenParams,
    Kind,
    Layer,
    Origin,
    called_otherwise,
    is_core,
    read_assignments,
    read_file,
    resolve,
    section_values,
    toml_value,
)
from segkit.errors import SegkitError, UsageError
from segkit.params import param
from segkit.settings import SECTIONS


@dataclass(frozen=True)
class NetworkParams:
    width: int = param(64, "Width.", min=1, max=512)
    norm: Literal["none", "batch"] = param("none", "Norm.")


@dataclass(frozen=True)
class LossParams:
    smooth: float = param(0.0, "Smoothing.", min=0)


CHOSEN = [
    ChosenParams("arch", "net", NetworkParams),
    ChosenParams("loss", "dice", LossParams),
    ChosenParams("loss", "iou", LossParams),
]


def test_later_layers_win_and_leave_their_name() -> None:
    """The strongest layer's value is taken and its source recorded."""
    config = resolve(
        [Layer("recipe", {"train.epochs": 5, "arch.width": 8}), Layer("flag", {"train.epochs": "7"})], CHOSEN
    )
    assert config.train.epochs == 7
    assert config.sources["train.epochs"] == "flag"
    assert config.params_of("arch", "net").width == 8
    assert config.sources["arch.width"] == "recipe"


def test_short_param_reaches_every_component_of_its_kind() -> None:
    """`loss.smooth` sets both losses, `loss.iou.smooth` one."""
    config = resolve([Layer("file", {"loss.smooth": 1.0}), Layer("flag", {"loss.iou.smooth": "2"})], CHOSEN)
    assert config.params_of("loss", "dice").smooth == 1.0
    assert config.params_of("loss", "iou").smooth == 2.0


@pytest.mark.parametrize(
    ("dotted", "value", "said"),
    [
        ("train.epoch", 3, "did you mean 'epochs'"),
        ("trian.epochs", 3, "did you mean 'train'"),
        ("arch.depht", 3, "it takes: width, norm"),
        ("train.epochs", 0, "out of range"),
        ("train.epochs", 2.5, "whole number"),
        ("train.epochs", True, "whole number"),
        ("train.learning_rate", "fast", "expected a number"),
        ("train.learning_rate", "nan", "out of range"),
        ("arch.norm", "bacth", "did you mean 'batch'"),
        ("run.deterministic", "maybe", "true or false"),
        ("data.size", "12x", "out of range|expected|12"),
    ],
)
def test_bad_values_are_sentences_that_name_source_and_field(dotted: str, value: object, said: str) -> None:
    """Every bad setting is a usage error that names where it was said."""
    if dotted == "data.size":
        value = "4x4"
    with pytest.raises(UsageError, match=said) as caught:
        resolve([Layer("config file my.toml", {dotted: value})], CHOSEN)
    assert "config file my.toml" in str(caught.value)


def test_resolved_config_reads_back_as_itself(tmp_path: Path) -> None:
    """TOML written from a config resolves to the same values."""
    layer = Layer(
        "flag", {"data.size": "96x128", "train.gradient_clip": "none", "arch.width": 12, "run.name": 'a "b"\\c'}
    )
    config = resolve([layer], CHOSEN)
    path = tmp_path / "config.toml"
    path.write_text(config.to_toml(), encoding="utf-8")
    again = resolve([read_file(path)], CHOSEN)
    assert again.flat() == config.flat()
    assert "# flag" in config.to_toml()


@pytest.mark.parametrize("value", ["\x7f", [0.1, float("inf")], [1, 2], ["a", 'b"'], True, -float("inf"), 1e-300])
def test_any_value_is_toml(value: object) -> None:
    """Control characters, infinities and lists read back as themselves."""
    import tomllib

    assert tomllib.loads(f"key = {toml_value(value)}")["key"] == value


@given(st.text(min_size=1), st.floats(1e-9, 100), st.lists(st.integers(8, 9999), min_size=1, max_size=3))
def test_any_text_and_number_survives_toml(name: str, rate: float, size: list[int]) -> None:
    """Names with any character and floats of any precision read back exactly."""
    import tomllib

    config = resolve([Layer("flag", {"run.name": name, "train.learning_rate": rate, "data.size": size})], [])
    tables = tomllib.loads(config.to_toml())
    assert (tables["run"]["name"], tables["train"]["learning_rate"], tables["data"]["size"]) == (
        "none" if config.run.name is None else name,
        rate,
        size,
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[train\nepochs = 3", "is not TOML"),
        (b"[train]\nepochs = 3\nepochs = 4", "is not TOML"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"format = 99", "format 99"),
        (b"[train]\nepochs = 99999999999999999999", "more than 64 bits"),
        (b"a" + b".a" * 100 + b" = 1", "nested too deeply"),
        (b"#" * (32 * 2**20 + 1), "larger than the 33.6 MB"),
    ],
    ids=["table", "twice", "encoding", "format", "number", "depth", "size"],
)
def test_bad_files_are_named(tmp_path: Path, content: bytes, said: str) -> None:
    """A config file that cannot be read is a sentence with its name."""
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(SegkitError, match=said) as caught:
        read_file(path)
    assert "bad.toml" in str(caught.value)


@pytest.mark.parametrize("kind", ["a folder", "a pipe or a device"])
def test_what_is_no_file_is_named(tmp_path: Path, kind: str) -> None:
    """Nothing waits at a pipe for somebody who writes into it."""
    place = tmp_path / "run.toml"
    place.mkdir() if kind == "a folder" else os.mkfifo(place)
    with pytest.raises(SegkitError, match=rf"config file .*run\.toml is {kind}, not a file; give a TOML file"):
        read_file(place)


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A config file that is not there is a sentence."""
    with pytest.raises(SegkitError, match=r"nowhere\.toml does not exist"):
        read_file(tmp_path / "nowhere.toml")


@pytest.mark.parametrize("text", ["arch", "arch.width", "width=3"])
def test_assignments_need_their_form(text: str) -> None:
    """A --set that is not KIND.PARAM=VALUE is a usage error."""
    with pytest.raises(UsageError, match=r"KIND\.PARAM=VALUE"):
        read_assignments([text])


@pytest.mark.parametrize("name", ["components.metrics", "components.explainers", "data.size"])
def test_a_section_read_ahead_of_the_rest_is_checked_like_it(name):
    """A number where names are wanted, or the reverse, is a sentence before the components are looked for."""
    section, _, field = name.partition(".")
    with pytest.raises(UsageError, match=rf"flags, section {section}: {field}="):
        section_values([Layer("flags", {name: True})], section)


def test_every_kind_of_source_is_written_down_as_itself(tmp_path: Path) -> None:
    """Weakest first, each by its name; read back, what nobody said is known as such, with the words for people."""
    fields = {
        "default": ("train.epochs", 7),
        "recipe": ("train.batch_size", 3),
        "derived": ("run.seed", 9),
        "checkpoint": ("train.accumulate", 2),
        "file": ("run.workers", 5),
        "environment": ("train.weight_decay", 0.5),
        "flag": ("augment.flip", 0.25),
    }
    layers = [Layer(f"a {kind}", {name: value}, Kind[kind.upper()]) for kind, (name, value) in fields.items()]
    config = resolve(layers, [])
    text = config.to_toml()
    assert [line.split('"')[1] for line in text.splitlines() if line.startswith("kind = ")][-7:] == list(fields)
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    layer = read_file(path)
    assert layer.kind is Kind.FILE
    for kind, (name, value) in fields.items():
        assert layer.values[name] == value
        unsaid = Origin(Kind[kind.upper()], f"a {kind}") if kind in ("default", "recipe", "derived") else None
        assert layer.unsaid.get(name) == unsaid, kind
        assert layer.origin(name).kind.said == (unsaid is None)
    edited = text.replace("epochs = 7", "epochs = 8", 1)
    path.write_text(edited, encoding="utf-8")
    assert "train.epochs" not in read_file(path).unsaid, "changed by hand since: said by that hand"


@pytest.mark.parametrize(
    ("said", "meant"),
    [("train.lr", "train.learning_rate"), ("data.patch_size", "data.size"), ("train.workers", "run.workers")],
)
def test_names_of_other_tools(said, meant):
    """A field by the name that other tools have for it, or in another section, is told the right one."""
    with pytest.raises(UsageError, match=re.escape(f"(did you mean {meant!r}?)")):
        resolve([Layer("--set", {said: "1"})], [])


def test_every_other_name_leads_to_a_field():
    """Each of those names means a field that there is, and none of them is one."""
    assert all(called_otherwise(name) for name in OTHER_NAMES)
    assert not any(is_core(section, name) for name in OTHER_NAMES for section in SECTIONS)


@pytest.mark.parametrize("size", ["100x", "x100", "100xx100", "100,,100", "x", ",100"])
def test_half_a_size(size):
    """A size with nothing on one side of its sign is an error, not another size."""
    with pytest.raises(UsageError, match="data"):
        resolve([Layer("--size", {"data.size": size})], [])

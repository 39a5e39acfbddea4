"""The data of a finished run, found again."""

from pathlib import Path

import pytest

from segkit.config import Layer
from segkit.data.dataset import DatasetReader
from segkit.discovery import Registry
from segkit.errors import SegkitError
from segkit.planning.plan import make_plan
from segkit.planning.reopened import reopen_data


@pytest.fixture
def config(toy_registry: Registry) -> Path:
    """A run's config whose data lie in `here`."""
    import segkit_toy

    for folder, count in (("here", 2), ("there", 3), ("else", 4)):
        segkit_toy.Squares.make_sample(Path(folder), segkit_toy.DataParams(cases=count))
    values = {"components.arch": "net", "components.data": "squares", "data.root": "here", "data.classes": 2}
    path = Path("config.toml")
    path.write_text(make_plan([Layer("flag", values)], toy_registry, {}).config.to_toml(), encoding="utf-8")
    return path


def cases(reader: DatasetReader) -> int:
    """How many training cases it has."""
    return len(reader.cases("train"))


def test_flag_before_variable_before_the_run(config: Path, toy_registry: Registry) -> None:
    """With the params of the run, wherever its data are."""
    reader, found = reopen_data(config, toy_registry, environ={})
    assert (cases(reader), found.full_name, len(reader.task.classes)) == (2, "segkit-toy:squares", 2)
    moved = {"SEGKIT_DATA_ROOT": "there"}
    assert cases(reopen_data(config, toy_registry, environ=moved)[0]) == 3
    assert cases(reopen_data(config, toy_registry, "else", environ=moved)[0]) == 4


def test_data_that_are_gone_are_named_by_who_named_them(config: Path, toy_registry: Registry) -> None:
    """The option, the variable or the file."""
    for root, environ, said in (
        ("gone", {}, "--data-root: folder gone"),
        (None, {"SEGKIT_DATA_ROOT": "gone"}, "SEGKIT_DATA_ROOT: folder gone"),
    ):
        with pytest.raises(SegkitError, match=said):
            reopen_data(config, toy_registry, root, environ=environ)
    Path("here").rename("gone")
    with pytest.raises(SegkitError, match=r"config file config\.toml: folder .*here does not exist"):
        reopen_data(config, toy_registry, environ={})

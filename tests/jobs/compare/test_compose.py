"""Where a comparison goes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from segkit.errors import SegkitError
from segkit.jobs.compare.compose import comparison_folder, default_name

MODELS = [SimpleNamespace(label="one"), SimpleNamespace(label="two")]


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)


def test_a_directory_that_was_asked_for_has_to_be_free() -> None:
    """One that is not there, or is empty; a file is none."""
    assert comparison_folder("name", "there", MODELS) == (Path("there"), "name")
    Path("there").mkdir()
    assert comparison_folder("name", "there", MODELS) == (Path("there"), "name")
    Path("there", "mine").touch()
    Path("file").touch()
    for taken in ("there", "file"):
        with pytest.raises(SegkitError, match=f"--output {taken} already holds something"):
            comparison_folder("name", taken, MODELS)


def test_without_one_the_first_free_name_is_taken() -> None:
    """That of the comparison, or of its models; then numbered from 2 on."""
    first, name = comparison_folder("mine", None, MODELS)
    assert (first.name, name) == ("mine", "mine")
    first.mkdir(parents=True)
    second, name = comparison_folder("mine", None, MODELS)
    assert (second, name) == (first.parent / "mine-2", "mine")
    second.mkdir()
    assert comparison_folder("mine", None, MODELS)[0].name == "mine-3"
    unnamed, name = comparison_folder(None, None, MODELS)
    assert "one" in name
    assert "two" in name
    assert unnamed.parent == first.parent


@pytest.mark.parametrize(
    ("labels", "name"),
    [(["a", "b"], "a-b"), (["a", "b", "c", "d"], "a-b-c-d"), (["a", "b", "c", "d", "e"], "a-and-4-others")],
)
def test_a_comparison_is_called_after_its_models(labels, name):
    """Of more than four the first one and how many more."""
    assert default_name(labels) == name

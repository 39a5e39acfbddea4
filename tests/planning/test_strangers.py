"""What a run directory or a checkpoint names is read in the data root, or where this user has named it."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from segkit import param
from segkit.config import ChosenParams, Kind, Layer
from segkit.discovery import Registry
from segkit.errors import SegkitError
from segkit.planning.dataset import choose_dataset
from segkit.planning.strangers import check_params, check_rebuilt


@dataclass(frozen=True)
class Params:
    """Of a component that reads files."""

    table: Path | None = param(None, "A file.")
    names: tuple[str, ...] = param((), "Files below the root, or words.")
    word: str = param("", "Text that may be a folder below the root.")
    first: Path | None = param(None, "First weights.", start=True)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a data root, of a user who has named nothing yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SEGKIT_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "linked").symlink_to("..")
    return tmp_path


def check(values: dict[str, object], *, of_stranger: bool = True) -> None:
    """Hold params that one layer says against the rule."""
    layer = Layer("config file config.toml", {f"metric.m.{name}": value for name, value in values.items()})
    layer = Layer(layer.source, layer.values, Kind.FILE, of_stranger=of_stranger)
    check_params([ChosenParams("metric", "m", Params)], {("metric", "m"): Params(**values)}, [layer], Path("root"))


@pytest.mark.parametrize(
    "values",
    [
        {"table": Path("secret.csv")},
        {"table": Path("root/../secret.csv")},
        {"table": Path("~/secret.csv")},
        {"table": Path("/etc/passwd")},
        {"names": ("a.json", "../secret.json")},
        {"names": ("/etc/passwd",)},
        {"word": "~/pictures"},
        {"word": "a/../../pictures"},
        {"word": "/"},
    ],
)
def test_a_stranger_s_file_outside_of_the_root_is_refused(values: dict[str, object]) -> None:
    """In whatever form it is named; once the user has named it, it is read."""
    with pytest.raises(SegkitError, match=r"^config file config\.toml names metric\.m\.\w+=.*which is not in the data"):
        check(values)
    check(values, of_stranger=False)
    check(values)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"table": Path("root/table.csv"), "names": ("a", "b/c.json", "..."), "word": r"(\w+)/\1"},
        {"table": Path("root/linked/table.csv")},
        {"word": "linked/pictures"},
        {"word": r"\d+_~.."},
        {"names": ("lesion", "C:liver", "a..b", "x\0")},
    ],
)
def test_what_lies_in_the_root_and_what_is_no_path_is_taken(values: dict[str, object]) -> None:
    """Links in the root are the business of those who laid it out."""
    check(values)


def test_the_last_word_counts(place: Path) -> None:
    """What a flag says in the place of a run's word is the user's; a flag for something else is not."""
    chosen, values = [ChosenParams("metric", "m", Params)], {("metric", "m"): Params(table=place / "x")}
    run = Layer("run", {"metric.m.table": "y"}, Kind.FILE, of_stranger=True)
    check_params(chosen, values, [run, Layer("--set", {"metric.table": str(place / "x")})], Path("root"))
    flag = Layer("--set", {"metric.m.word": "a"})
    with pytest.raises(SegkitError):
        check_params(chosen, {("metric", "m"): Params(table=place / "y")}, [run, flag], Path("root"))


def test_a_model_reads_no_file_as_it_is_built() -> None:
    """But for first weights, in whose place it takes the default; a word is no file."""
    check_rebuilt(Params(first=Path("/etc/passwd"), names=("a",), word="b/c"), "x")
    for params in (Params(table=Path("a")), Params(word="../x"), Params(names=("~/x",))):
        with pytest.raises(SegkitError, match=r"^model\.safetensors: its arch net names \w+=.*not named to segkit"):
            check_rebuilt(params, "model.safetensors: its arch net")


@pytest.mark.parametrize("root", ["elsewhere", "/etc", "root/linked", "~"])
def test_a_stranger_s_data_root_is_not_opened(root: str, toy_registry: Registry) -> None:
    """Until the user names it: then it is known, however it is written."""
    Path("elsewhere").mkdir(exist_ok=True)
    (Path(root).expanduser() / "train").mkdir(exist_ok=True) if root == "elsewhere" else None
    found = toy_registry.find("data", "squares")
    strange = Layer("config file config.toml", {"data.root": root}, Kind.FILE, of_stranger=True)
    opened = []
    chosen = choose_dataset(found, [strange])
    object.__setattr__(chosen, "reader_class", lambda path, params: opened.append(path))
    with pytest.raises(SegkitError, match=r"^config file config\.toml names the data root .*say --data-root"):
        chosen.open()
    assert opened == []
    named = choose_dataset(found, [strange, Layer("--data-root", {"data.root": root})])
    object.__setattr__(named, "reader_class", lambda path, params: opened.append(path))
    named.open()
    chosen.open()
    assert len(opened) == 2


@pytest.mark.parametrize(
    ("dataset", "values"),
    [
        ("folder", {"data.classes": "../classes.toml"}),
        ("folder", {"data.splits": "splits.csv"}),
        ("folder", {"data.images": "../pictures"}),
        ("folder", {"data.masks": "/etc/*.png"}),
        ("folder", {"data.ignore": "../*"}),
        ("folder", {"data.field_of_view": "~/x"}),
        ("coco", {"data.annotations": ["../annotations.json"]}),
        ("coco", {"data.images": "../pictures"}),
        ("yolo", {"data.yaml": "/etc/data.yaml"}),
    ],
)
def test_datasets_of_people_s_own_files_follow_no_stranger(dataset: str, values: dict[str, object]) -> None:
    """Each of their params that names a file, from a config of a run or from a checkpoint."""
    registry = Registry.discover()
    if dataset != "folder" and not any(item.component.name == dataset for item in registry.components("data")):
        pytest.skip("segkit-coco is not installed")
    flag = Layer("--data-root", {"data.root": "root"})
    for source, kind in (("config file config.toml", Kind.FILE), ("model.safetensors", Kind.CHECKPOINT)):
        strange = Layer(source, values, kind, of_stranger=True)
        with pytest.raises(SegkitError, match=rf"^{source} names data\.\w+=.*which is not in the data root"):
            choose_dataset(registry.find("data", dataset), [strange, flag]).open()

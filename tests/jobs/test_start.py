"""Runs that start from weights: what is loaded, adapted, new and left over; resumed, compared, told."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

TOY = ("--arch", "net", "--data", "squares", "--epochs", "1", "--device", "cpu", "--set", "run.threads=1")
STILL = ("--lr", "1e-9", "--set", "train.weight_decay=0")
"""So slow that weights stay what they were."""


@pytest.fixture
def source(segkit) -> Path:
    """A run of three classes to start from."""
    segkit("run", *TOY, "--set", "data.classes=3", "--output", "source")
    return Path("source")


def weights(run: str | Path) -> dict[str, torch.Tensor]:
    """The weights of a run."""
    return load_file(Path(run) / "model.safetensors")


def started(run: str) -> dict:
    """What the run says of its start."""
    return json.loads(Path(run, "start.json").read_text())


def without_digests(told: dict) -> dict:
    """What the summary has of it: all but the digests of the source's training images."""
    return {name: value for name, value in told.items() if name != "trained_on"}


def test_same_classes_are_loaded_whole(segkit, source: Path) -> None:
    """A run that starts from another of the same classes begins with its weights, and says so of each."""
    done = segkit("run", *TOY, *STILL, "--set", "data.classes=3", "--from", "source", "--output", "on", "--json")
    before, after = weights("source"), weights("on")
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)
    told = started("on")
    assert (told["loaded"], told["adapted"], told["new"], told["left_over"]) == (len(before), 0, 0, 0)
    assert json.loads(done.stdout)["started_from"] == without_digests(told)
    assert f"from: source (sha256 {told['digest'][:12]}): of {len(before)} tensors {len(before)} loaded" in done.stderr
    config = Path("on/config.toml").read_text()
    assert tomllib.loads(config)["start"] == {"source": "source", "digest": told["digest"], "classes": []}
    assert str(source.resolve()) not in config + Path("on/start.json").read_text()


def test_fewer_classes_keep_their_rows(segkit, source: Path) -> None:
    """Of background and three classes those rows are kept whose classes there still are."""
    segkit("run", *TOY, *STILL, "--set", "data.classes=2", "--from", "source/model.safetensors", "--output", "on")
    before, after = weights("source"), weights("on")
    adapted = [row for row in started("on")["tensors"] if row["how"] == "adapted"]
    assert {row["note"] for row in adapted} == {"classes kept: class-1, class-2"}
    for row in adapted:
        assert torch.allclose(after[row["name"]], before[row["name"]][:3], atol=1e-6)


def test_renamed_classes(segkit, source: Path) -> None:
    """--from-classes takes the rows of a class that was called otherwise."""
    said = ("--from-classes", "class-3=class-1", "--set", "data.classes=2")
    segkit("run", *TOY, *STILL, "--from", "source", *said, "--output", "on")
    before, after = weights("source"), weights("on")
    for row in started("on")["tensors"]:
        if row["how"] == "adapted":
            assert torch.allclose(after[row["name"]], before[row["name"]][[0, 3, 2]], atol=1e-6)
            assert row["note"] == "classes kept: class-3 as class-1, class-2"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("class-4=class-1", "has no class 'class-4' (did you mean 'class-"),
        ("class-1=class-9", "the data have no class 'class-9' (did you mean 'class-"),
        ("class-1", "is not old=new"),
    ],
)
def test_classes_that_there_are_not(segkit, source: Path, given: str, said: str) -> None:
    """A class to rename that neither side has is a usage error that knows what is near."""
    done = segkit("run", *TOY, "--set", "data.classes=3", "--from", "source", "--from-classes", given, code=2)
    assert said in done.output


def test_a_config_repeats_it_with_the_source_at_hand(segkit, source: Path) -> None:
    """The config of such a run asks for its source, and gives the same weights bit for bit with it."""
    segkit("run", *TOY, "--set", "data.classes=3", "--from", "source", "--output", "on")
    lacking = segkit("run", "--config", "on/config.toml", "--output", "again", code=2)
    assert "the run starts from source (sha256 " in lacking.output
    assert "--from RUN|FILE" in lacking.output
    segkit("run", "--config", "on/config.toml", "--from", "source", "--output", "again")
    assert Path("on/model.safetensors").read_bytes() == Path("again/model.safetensors").read_bytes()


def test_the_architecture_comes_with_the_source(segkit, source: Path) -> None:
    """Without --arch the source's architecture is built as it was, weaker than what people say."""
    segkit("run", *TOY, "--set", "arch.width=5", "--set", "data.classes=2", "--output", "wide")
    rest = ("--data", "squares", "--epochs", "1", "--device", "cpu", "--set", "data.classes=2")
    segkit("run", *rest, "--from", "wide", "--output", "on")
    config = tomllib.loads(Path("on/config.toml").read_text())
    assert (config["components"]["arch"], config["arch"]["width"]) == ("segkit-toy:net", 5)
    (kind,) = [group["kind"] for group in config["origins"] if "width" in group["values"].get("arch", {})]
    assert kind == "source"
    segkit("run", *rest, "--from", "wide", "--set", "arch.width=6", "--output", "wider")
    assert tomllib.loads(Path("wider/config.toml").read_text())["arch"]["width"] == 6


def test_normalisation_comes_with_the_source(segkit) -> None:
    """Numbers of the source's training set come along; what people say wins, and the difference is told."""
    segkit("run", *TOY, "--set", "data.normalization=dataset", "--output", "source")
    segkit("run", *TOY, "--from", "source", "--output", "on")
    data = tomllib.loads(Path("on/config.toml").read_text())["data"]
    assert data["normalization"] == "fixed"
    assert len(data["mean"]) == len(data["std"]) == 3
    said = segkit("run", *TOY, "--from", "source", "--set", "data.normalization=image", "--output", "other")
    line = next(line for line in said.stderr.splitlines() if "data.normalization was" in line)
    assert line == "note: data.normalization was fixed for source source, is image (--set)"


def save(path: str, found: dict[str, torch.Tensor]) -> str:
    """Write a file of weights that segkit did not write."""
    save_file({name: value.contiguous() for name, value in found.items()}, path)
    return path


@pytest.mark.parametrize("key", [None, "network_weights", "state_dict", "model"])
def test_files_of_torch_save(segkit, source: Path, key: str | None) -> None:
    """A state dict alone or under a usual key is read, and a prefix taken off where that makes the names fit."""
    found = {f"module.{name}": value for name, value in weights("source").items()}
    torch.save(found if key is None else {key: found, "epoch": 3}, "other.pth")
    segkit("run", *TOY, *STILL, "--set", "data.classes=3", "--from", "other.pth", "--output", "on")
    told = started("on")
    assert (told["loaded"], told["prefix_off"], told["classes"]) == (len(found), "module.", None)
    before, after = weights("source"), weights("on")
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)


class Evil:
    """What runs code when it is unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("ran"),))


def bad_file(kind: str) -> str:
    """Write a file that is no source; returns its name."""
    good = weights("source")
    if kind == "code":
        torch.save({"state_dict": good, "hook": Evil()}, "bad.pth")
        return "bad.pth"
    if kind == "no weights":
        torch.save({"epoch": 3}, "bad.pth")
        return "bad.pth"
    if kind == "cut .pth":
        torch.save(good, "bad.pth")
        Path("bad.pth").write_bytes(Path("bad.pth").read_bytes()[:-200])
        return "bad.pth"
    if kind == "cut":
        Path("bad.safetensors").write_bytes(Path("source/model.safetensors").read_bytes()[:-9])
    elif kind == "spoiled":
        data = bytearray(Path("source/model.safetensors").read_bytes())
        data[-1] ^= 1
        Path("bad.safetensors").write_bytes(data)
    elif kind == "text":
        Path("bad.safetensors").write_text("version https://git-lfs.github.com/spec/v1")
    elif kind == "strange":
        save("bad.safetensors", {"trunk.0.kernel": torch.zeros(3, 3)})
    elif kind == "nan":
        save("bad.safetensors", {name: value * torch.nan for name, value in good.items()})
    elif kind == "empty":
        save("bad.safetensors", {})
    elif kind == "volumes":
        save(
            "bad.safetensors",
            {name: value[..., None] if value.ndim == 4 else value for name, value in good.items() if value.ndim == 4},
        )
    return "bad.safetensors"


BAD = {
    "code": "it would have to be unpickled, which can run any code",
    "no weights": "holds no weights by name; it has: epoch",
    "cut .pth": "is not a whole file of torch.save",
    "cut": "is not a whole safetensors file: it is cut off",
    "spoiled": "is no whole checkpoint: its digest is not that of its contents",
    "text": "is not a whole safetensors file",
    "strange": "nothing of it fits segkit-toy:net: it has trunk.0.kernel, ...",
    "nan": "holds weights that are NaN or infinite",
    "empty": "holds no tensors",
    "volumes": "filters of 3 axes are none of 2",
    "missing": "bad.safetensors does not exist",
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files(segkit, source: Path, kind: str) -> None:
    """What is no source is told in one line, before a run's directory is made; no code runs."""
    given = bad_file(kind)
    done = segkit("run", *TOY, "--set", "data.classes=3", "--from", given, "--output", "on", code=1)
    assert BAD[kind] in " ".join(done.output.split()), done.output
    assert not Path("on").exists()
    assert not Path("ran").exists()


def test_other_axes_are_refused(segkit) -> None:
    """Weights of photographs are none of volumes, and that is said before anything is read."""
    blocks = ("--arch", "solid", "--data", "blocks", "--epochs", "1", "--device", "cpu", "--loss", "bernoulli")
    segkit("run", *blocks, "--metric", "overlap", "--set", "data.mode=slices", "--size", "16", "--output", "flat")
    deep = (*blocks, "--metric", "overlap", "--set", "data.mode=patches", "--size", "8", "--from", "flat")
    assert "it was trained on 2D images, segkit-toy:solid is built for 3D ones" in segkit("run", *deep, code=1).output


def test_another_plugin_s_weights_can_be_read(segkit, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the source's plugin is not installed its weights are read all the same, for another architecture."""
    from segkit.engine.checkpoint import read_model, save_model

    found, header = read_model(Path("source/model.safetensors"))
    components = [{**item, "name": item["name"].replace("segkit-toy:net", "gone:net")} for item in header["components"]]

    class Holder:
        def state_dict(self) -> dict[str, torch.Tensor]:
            return found

    kept = {name: value for name, value in header.items() if name != "format"}
    save_model(Path("gone.safetensors"), Holder(), {**kept, "components": components})  # type: ignore[arg-type]
    segkit("run", *TOY, "--set", "data.classes=3", "--from", "gone.safetensors", "--output", "on")
    assert started("on")["arch"] == "gone:net"
    rest = ("--data", "squares", "--set", "data.classes=3", "--from", "gone.safetensors")
    assert "no arch was named" in segkit("run", *rest, code=2).output


def test_nothing_is_loaded_when_a_run_goes_on(segkit, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was stopped goes on bit for bit as if it had not been, though its source is gone."""
    import shutil

    from segkit.engine.stop import Stopped
    from segkit.engine.trainer import Trainer

    args = ("run", *TOY[:4], "--epochs", "3", *TOY[6:], "--set", "data.classes=2", "--from", "source")
    segkit(*args, "--output", "whole")
    begin = Trainer.begin_epoch

    def stop_at(self: Trainer, epoch: int) -> None:
        if epoch == 3:
            raise Stopped(2)
        begin(self, epoch)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "begin_epoch", stop_at)
        segkit(*args, "--output", "parted", code=130)
    shutil.rmtree("source")
    segkit("run", "--resume", "parted")
    assert Path("whole/model.safetensors").read_bytes() == Path("parted/model.safetensors").read_bytes()
    assert json.loads(Path("parted/summary.json").read_text())["started_from"] == without_digests(started("whole"))


def test_resumed_before_the_first_step(segkit, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was killed when it had saved nothing but its start goes on from there without its source."""
    import shutil

    from segkit.engine.stop import Stopped
    from segkit.engine.trainer import Trainer

    args = ("run", *TOY, "--set", "data.classes=2", "--from", "source")
    segkit(*args, "--output", "whole")

    def stop(self: Trainer) -> None:
        raise Stopped(2)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "take_steps", stop)
        segkit(*args, "--output", "parted", code=130)
    refused = segkit("run", "--resume", "parted", "--from", "whole", code=2)
    assert "the run goes on with its own weights" in refused.output
    shutil.copytree("parted", "again")
    segkit("run", "--resume", "again", "--from", "source")
    assert Path("whole/model.safetensors").read_bytes() == Path("again/model.safetensors").read_bytes()
    shutil.rmtree("source")
    segkit("run", "--resume", "parted")
    assert Path("whole/model.safetensors").read_bytes() == Path("parted/model.safetensors").read_bytes()


def test_compared_models_start_from_it(segkit, source: Path) -> None:
    """Every run of a comparison starts from the source, and the same command finds them finished."""
    toy = ("--arch", "net", "--data", "squares", "--device", "cpu", "--set", "run.threads=1", "--set", "data.classes=3")
    vary = ("--vary", "train.epochs=1", "--vary", "train.epochs=2", "--from", "source")
    segkit("compare", *toy, *vary, "--output", "both")
    runs = sorted(Path("both/runs").iterdir())
    assert len(runs) == 2
    assert {json.loads((run / "start.json").read_text())["source"] for run in runs} == {"source"}


def test_headers_that_begin_like_a_pickle(segkit, source: Path) -> None:
    """A safetensors file whose header is 128 bytes more than a multiple of 256 begins as a pickle does, and is none."""
    from segkit.rundir.source import is_pickled

    for length in range(200, 460):
        save_file({"a": torch.zeros(1)}, "padded.safetensors", metadata={"note": "x" * length})
        assert not is_pickled(Path("padded.safetensors"))
    torch.save({"a": torch.zeros(1)}, "new.pth")
    torch.save({"a": torch.zeros(1)}, "old.pth", _use_new_zipfile_serialization=False)
    assert is_pickled(Path("new.pth"))
    assert is_pickled(Path("old.pth"))

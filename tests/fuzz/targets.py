"""What is fuzzed: a way to make inputs, a public function that takes them, and what is right."""

from __future__ import annotations

import io
import json
import shutil
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from mutate import spoiled_image, spoiled_json, spoiled_toml, spoiled_weights
from PIL import Image, ImageOps
from safetensors.torch import load

from segkit import params
from segkit.config import ChosenParams, Layer, read_file, resolve
from segkit.data.roots import find_root
from segkit.data.store import open_store
from segkit.declarations.installed import Plugin
from segkit.discovery import Registry
from segkit.engine.checkpoint import read_model
from segkit.engine.progress import Progress
from segkit.engine.state import load_state
from segkit.jobs.run import run_job
from segkit.planning.plan import Plan, make_plan
from segkit.rundir.resume import open_run
from segkit.settings import SECTIONS

TOY = Path(__file__).resolve().parents[1] / "toy"


@dataclass(frozen=True)
class Target:
    """One kind of input.

    Attributes:
        inputs: bytes of a file, spoiled.
        take: gives them to segkit, looks at the result and raises AssertionError where it is wrong; lets SegkitError
            through.
    """

    name: str
    inputs: st.SearchStrategy[bytes]
    take: Callable[[bytes], None]


def all_targets(place: Path) -> list[Target]:
    """Prepare every target in an empty folder."""
    registry = toy_registry()
    run, plan = finished_run(registry, place)
    return [
        photographs(place / "photographs"),
        masks(place / "masks"),
        configs(place / "configs", registry, run),
        checkpoints(place / "checkpoints", run),
        states(place / "states", plan, run),
        environments(place / "environments", run),
        store_indices(place / "stores", plan),
        sample_markers(place / "samples", plan),
    ]


def toy_registry() -> Registry:
    """Return a registry of the toy plugin alone."""
    sys.path.insert(0, str(TOY))
    registry = Registry()
    registry.add(Plugin("segkit-toy", "1.0", EntryPoint("toy", "segkit_toy", "segkit")))
    return registry


def toy_plan(registry: Registry, **values: Any) -> Plan:
    """Plan the toy job."""
    flags = {"components.arch": "net", "components.data": "squares", "run.device": "cpu", "train.epochs": 1}
    return make_plan([Layer("flag", {**flags, **values})], registry, {})


def finished_run(registry: Registry, place: Path) -> tuple[Path, Plan]:
    """Run the toy job, keeping its resume state; return its folder and plan."""
    plan = toy_plan(registry)
    folder = place / "run"
    kept = place / "last"

    class Keeping(Progress):
        def start(self, what: str, total: int, unit: str) -> None:
            if what == "evaluate":
                shutil.copytree(folder / "last", kept)

    run_job(plan, folder, Keeping())
    shutil.copytree(kept, folder / "last")
    return folder, plan


def pictures() -> list[Image.Image]:
    """Small photographs of every form that is read or refused."""
    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.integers(0, 256, (5, 6, 3), dtype=np.uint8)).resize((36, 28))
    return [coarse, coarse.convert("L"), coarse.convert("P"), coarse.convert("RGBA"), coarse.convert("CMYK")]


def encoded(pictures: list[Image.Image]) -> list[bytes]:
    """Encode pictures as PNG and JPEG, plain, progressive and with EXIF."""
    files = []
    exif = Image.Exif()
    exif[0x0112] = 6
    options: tuple[tuple[str, dict[str, Any]], ...] = (
        ("PNG", {}),
        ("PNG", {"exif": exif}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("JPEG", {"exif": exif, "quality": 30}),
    )
    for picture in pictures:
        for form, how in options:
            stream = io.BytesIO()
            try:
                picture.save(stream, form, **how)
            except OSError:  # a mode that the format has not
                continue
            files.append(stream.getvalue())
    return files


def photographs(folder: Path) -> Target:
    """Photographs of the ISIC reader, read whole and at a working size, with masks that fit them either way."""
    from segkit_isic.images import read_pair, read_pair_resized

    folder.mkdir()
    for width, height in ((36, 28), (28, 36)):
        Image.new("L", (width, height), 255).save(folder / f"{width}x{height}.png")

    def take(data: bytes) -> None:
        (folder / "photograph").write_bytes(data)
        try:
            width, height = Image.open(io.BytesIO(data)).size
            mask = f"{width}x{height}.png" if (folder / f"{width}x{height}.png").exists() else "36x28.png"
        except Exception:
            mask = "36x28.png"
        resized, marked = read_pair_resized(folder, "photograph", mask, (8, 12))
        image, _ = read_pair(folder, "photograph", mask)
        assert marked.all()
        assert resized.shape == (3, 8, 12)
        assert image.dtype == resized.dtype == np.uint8
        with Image.open(io.BytesIO(data)) as opened:
            try:
                upright = ImageOps.exif_transpose(opened)
            except Exception:
                upright = opened
            allowed = [np.asarray(way.convert("RGB")).transpose(2, 0, 1) for way in (opened, upright)]
        assert any(np.array_equal(image, pixels) for pixels in allowed), "other pixels than Pillow's"

    return Target("photographs", spoiled_image(encoded(pictures())), take)


def masks(folder: Path) -> Target:
    """Masks of the ISIC reader."""
    from segkit_isic.images import read_pair

    folder.mkdir()
    Image.new("RGB", (36, 28), (200, 120, 90)).save(folder / "photograph.png")
    marked = np.zeros((28, 36), np.uint8)
    marked[5:20, 9:30] = 255
    picture = Image.fromarray(marked)
    seeds = encoded([picture, picture.convert("1"), picture.convert("P"), picture.convert("RGB")])

    def take(data: bytes) -> None:
        (folder / "mask").write_bytes(data)
        _, mask = read_pair(folder, "photograph.png", "mask")
        assert mask.shape == (28, 36)
        with Image.open(io.BytesIO(data)) as opened:
            if opened.mode in ("1", "L"):
                assert np.array_equal(mask, np.asarray(opened.convert("L")) > 128)
        assert set(np.unique(mask)) <= {0, 1}

    return Target("masks", spoiled_image(seeds), take)


def configs(folder: Path, registry: Registry, run: Path) -> Target:
    """Config files, read and planned; the data root is given beside them, so that no large sample is drawn."""
    folder.mkdir()
    path = folder / "config.toml"
    root = Layer("flag", {"data.root": str(toy_plan(registry).root.path)})

    def take(data: bytes) -> None:
        path.write_bytes(data)
        config = make_plan([read_file(path), root], registry, {}).config
        for section, kind in SECTIONS.items():
            for name, info in params.describe(kind).items():
                value = getattr(getattr(config, section), name)
                assert params.check(info, value, "again") == value, (section, name, value)
        chosen = [ChosenParams(*key, type(values)) for key, values in config.component_params.items()]
        path.write_text(config.to_toml(), encoding="utf-8")
        again = resolve([read_file(path)], chosen)
        assert again.flat() == config.flat(), "the config does not read back as itself"

    return Target("config files", spoiled_toml((run / "config.toml").read_text(encoding="utf-8")), take)


def checkpoints(folder: Path, run: Path) -> Target:
    """model.safetensors."""
    folder.mkdir()
    path = folder / "model.safetensors"
    seed = (run / "model.safetensors").read_bytes()

    def take(data: bytes) -> None:
        path.write_bytes(data)
        weights, header = read_model(path)
        assert isinstance(header, dict)
        assert header["format"] == 1
        expected = load(data)
        assert weights.keys() == expected.keys()
        for name, tensor in weights.items():
            assert torch.equal(tensor, expected[name]) or tensor.isnan().any()

    return Target("checkpoints", spoiled_weights(seed, with_metadata("segkit"), metadata(seed, "segkit")), take)


def states(folder: Path, plan: Plan, run: Path) -> Target:
    """last/state.safetensors, loaded into a trainer."""
    folder.mkdir()
    seed = (run / "last" / "state.safetensors").read_bytes()
    header = metadata(seed, "segkit-state")
    trainer = toy_trainer(plan)
    (folder / "state.safetensors").write_bytes(seed)
    assert load_state(folder, trainer, lambda header: None)

    def take(data: bytes) -> None:
        (folder / "state.safetensors").write_bytes(data)
        assert load_state(folder, trainer, lambda header: None)
        for value in (trainer.step, trainer.epoch, trainer.steps_in_epoch):
            assert type(value) is int
            assert value >= 0
        assert isinstance(trainer.history, list)
        assert all(isinstance(record, dict) for record in trainer.history)
        assert trainer.steps_in_epoch <= trainer.batches.steps
        shapes = {name: tensor.shape for name, tensor in trainer.model.state_dict().items()}
        assert all(tensor.shape == shapes[name] for name, tensor in trainer.best.weights.items())

    return Target("resume states", spoiled_weights(seed, with_metadata("segkit-state"), header), take)


def toy_trainer(plan: Plan) -> Any:
    """Build a trainer as the job does, without the job."""
    from segkit.data.batches import Batches
    from segkit.data.normalize import Normalization
    from segkit.data.roots import cache_folder
    from segkit.engine.trainer import Trainer
    from segkit.planning.build import assemble

    parts = assemble(plan)
    cases, device = plan.cases["train"], torch.device("cpu")
    store = open_store(plan.reader, "squares", cases, plan.size, folder=cache_folder() / "fuzz", workers=0)
    batches = Batches(
        store,
        batch_size=plan.config.train.batch_size,
        seed=0,
        augment=None,
        normalization=Normalization("unit"),
        device=device,
        workers=0,
    )
    return Trainer(
        parts.model,
        parts.objective,
        batches,
        plan.config.train,
        plan.config.run,
        device,
        validate=None,
        select=None,
        progress=Progress(),
        after_step=lambda trainer: None,
    )


def environments(folder: Path, run: Path) -> Target:
    """environment.json of a run that is to be resumed."""
    folder.mkdir()
    shutil.copy(run / "config.toml", folder)
    whole = json.loads((run / "environment.json").read_text(encoding="utf-8"))

    def take(data: bytes) -> None:
        (folder / "environment.json").write_bytes(data)
        found = replace(open_run(folder), config=Layer("config", {}))
        assert isinstance(found.environment, dict)
        assert found.threads is None or found.threads > 0
        found.check(resolve([], []), whole)
        agreed = ("segkit", "torch", "device", "components")
        assert all(found.environment[name] == whole[name] for name in agreed if name in found.environment)

    return Target("environments", spoiled_json(whole).map(as_bytes), take)


def store_indices(folder: Path, plan: Plan) -> Target:
    """index.json of a store: whatever it holds, the store that is opened holds the cases."""
    cases = plan.cases["train"]

    def opened() -> Any:
        return open_store(plan.reader, "squares", cases, (16, 16), folder=folder, workers=0)

    first = opened()
    (index,) = folder.glob("*/index.json")
    images, masks = first.images(range(len(cases))), first.masks(range(len(cases)))
    whole = json.loads(index.read_text(encoding="utf-8"))

    def take(data: bytes) -> None:
        index.write_bytes(data)
        store = opened()
        assert np.array_equal(store.images(range(len(cases))), images)
        assert np.array_equal(store.masks(range(len(cases))), masks)
        assert store.fingerprint == first.fingerprint

    return Target("store indices", spoiled_json(whole).map(as_bytes), take)


def sample_markers(folder: Path, plan: Plan) -> Target:
    """generated-sample.json: whatever it holds, data beside it are never taken for real."""
    shutil.copytree(plan.root.path, folder)
    marker = folder / "generated-sample.json"
    whole = json.loads(marker.read_text(encoding="utf-8"))

    def take(data: bytes) -> None:
        marker.write_bytes(data)
        root = find_root("squares", str(folder), "--data-root", type(plan.reader), None)
        assert root.generated

    return Target("sample markers", spoiled_json(whole).map(as_bytes), take)


def as_bytes(text: str) -> bytes:
    """Encode text, lone surrogates too."""
    return text.encode("utf-8", "surrogatepass")


def metadata(data: bytes, key: str) -> Any:
    """Return the JSON under a key of a safetensors file's metadata."""
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(json.loads(data[8 : 8 + length])["__metadata__"][key])


def with_metadata(key: str) -> Callable[[bytes, str], bytes]:
    """Return a function that puts another text under a key of a safetensors file's metadata."""

    def rewrite(data: bytes, text: str) -> bytes:
        (length,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + length])
        header["__metadata__"][key] = text
        packed = json.dumps(header).encode()
        return struct.pack("<Q", len(packed)) + packed + data[8 + length :]

    return rewrite

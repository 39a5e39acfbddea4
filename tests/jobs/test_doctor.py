"""What the doctor finds, with each fault put there by the test."""

from __future__ import annotations

import importlib.metadata
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from segkit.discovery import Registry
from segkit.errors import SegkitError
from segkit.jobs import doctor
from segkit.jobs.doctor import (
    BROKEN,
    NOTE,
    OK,
    devices,
    folder_size,
    place,
    requirement,
    requirements,
    trial,
    without_data,
)

Usage = namedtuple("Usage", "total used free")


def test_a_requirement_is_met_missing_or_of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that mends it."""
    monkeypatch.setattr(doctor, "installed_version", {"there": "1.5", "early": "2.0rc1"}.get)
    found = requirement("there", ">=1.0,<2", "segkit-a")
    assert (found.status, found.found) == (OK, "1.5")
    found = requirement("there", ">=2", "segkit-a")
    assert (found.status, found.found, found.mend) == (BROKEN, "1.5; segkit-a wants >=2", 'pip install "there>=2"')
    found = requirement("gone", ">=2", "segkit-a")
    assert (found.status, found.found) == (BROKEN, "not installed; required by segkit-a")
    assert requirement("early", ">=1", "segkit-a").status == OK


def test_requirements_of_all_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """By distribution, with who asks; what is meant for another system or an extra is not asked for, nor the core."""
    monkeypatch.setattr(
        doctor, "own_requirements", lambda: ["Num_Py>=1", "pillow", "colorama; sys_platform == 'win31'"]
    )
    plugin = SimpleNamespace(
        name="segkit-a", requires=("numpy<3", "segkit-core>=0.1", "bad requirement !", "x; extra == 'y'")
    )
    wanted = requirements(SimpleNamespace(plugins=[plugin]))
    core = doctor.CORE
    assert wanted == {"num-py": (">=1", core), "pillow": ("", core), "numpy": ("<3", "segkit-a")}
    plugin.requires = ("num.py<3",)
    assert requirements(SimpleNamespace(plugins=[plugin]))["num-py"] == (">=1,<3", f"{core}, segkit-a")


def test_a_core_that_runs_from_its_sources_asks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its metadata are not there."""

    def missing(_: str) -> None:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(doctor.metadata, "requires", missing)
    assert doctor.own_requirements() == []
    monkeypatch.setattr(doctor.metadata, "requires", lambda _: None)
    assert doctor.own_requirements() == []


@pytest.mark.parametrize(
    ("cores", "threads", "limit", "status", "text"),
    [
        (8, 3, "3", NOTE, "8 cores, 3 threads for an operator, limited by OMP_NUM_THREADS=3"),
        (8, 4, "4", OK, "8 cores, 4 threads for an operator, limited by OMP_NUM_THREADS=4"),
        (8, 1, None, OK, "8 cores, 1 thread for an operator"),
        (2, 1, "1", OK, "2 cores, 1 thread for an operator, limited by OMP_NUM_THREADS=1"),
    ],
)
def test_fewer_threads_than_half_the_cores_are_told_where_they_were_asked_for(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int, limit: str | None, status: str, text: str
) -> None:
    """With the variable to unset."""
    monkeypatch.setattr(doctor.os, "cpu_count", lambda: cores)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    found = next(devices({} if limit is None else {"OMP_NUM_THREADS": limit}))
    assert (found.name, found.status, found.found) == ("cpu", status, text)
    assert found.mend == ("unset OMP_NUM_THREADS to use all cores" if status == NOTE else "")


def test_a_device_that_cannot_compute_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says, in one line; one that can has the status it was given."""
    assert trial("cpu", "a text", NOTE, "do this") == doctor.Finding("devices", "cpu", NOTE, "a text", "do this")

    def fails(*_: object) -> None:
        raise RuntimeError("no kernel\n  image " + "x" * 300)

    monkeypatch.setattr(torch.nn.functional, "conv2d", fails)
    found = trial("cpu", "a text", OK, "")
    assert (found.status, found.mend) == (BROKEN, "use --device cpu")
    assert found.found.startswith("a text; a convolution fails: no kernel image xxx")
    assert len(found.found) == len("a text; a convolution fails: ") + 200


@pytest.mark.parametrize(
    ("free", "status"),
    [
        (doctor.NO_SPACE - 1, BROKEN),
        (doctor.NO_SPACE, NOTE),
        (doctor.LITTLE_SPACE - 1, NOTE),
        (doctor.LITTLE_SPACE, OK),
    ],
)
def test_space_is_enough_little_or_none(monkeypatch, tmp_path: Path, free: int, status: str) -> None:
    """The bounds themselves are on the better side; the way out is told where it is needed."""
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: Usage(0, 0, free))
    found = place("cache", tmp_path, "make room", lambda folder: f"holds {folder.name}")
    assert found.status == status
    assert found.found.endswith(f" free, holds {tmp_path.name}")
    assert found.mend == ("" if status == OK else "make room")


def test_a_folder_that_is_not_made_yet_is_tried_above(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The first one that is there; nothing is made or left."""
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: Usage(0, 0, doctor.LITTLE_SPACE))
    found = place("cache", tmp_path / "a" / "b", "make room", lambda folder: "never asked")
    assert found.status == OK
    assert found.found.startswith(f"{tmp_path / 'a' / 'b'}: ")
    assert found.found.endswith("not made yet")
    assert list(tmp_path.iterdir()) == []


def test_the_bytes_of_a_folder(tmp_path: Path) -> None:
    """Of all below it; links count as themselves."""
    (tmp_path / "a").write_bytes(b"123")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "b").write_bytes(b"12345")
    assert folder_size(tmp_path) == 8
    assert folder_size(tmp_path / "gone") == 0


@pytest.mark.parametrize(
    ("reader", "text", "hint"),
    [
        (
            SimpleNamespace(make_sample=1, download=1),
            "a generated sample is used",
            ", or: segkit data download squares",
        ),
        (SimpleNamespace(make_sample=1), "a generated sample is used", ""),
        (SimpleNamespace(), "there is nothing to read", ""),
        (None, "there is nothing to read", ""),
    ],
)
def test_what_happens_without_data(toy_registry: Registry, reader: object, text: str, hint: str) -> None:
    """By what the dataset can do; one that does not load is told elsewhere."""

    def load() -> object:
        if reader is None:
            raise SegkitError("it does not load")
        return reader

    item = SimpleNamespace(load=load, component=toy_registry.find("data", "squares").component)
    assert without_data(item) == (
        f"not found; without --data-root {text}", f"say --data-root DIR, or set SEGKIT_DATA{hint}",
    )  # fmt: skip


def test_an_old_python_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the version that is there, and the way out."""
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (99, 0))
    first = next(iter(doctor.versions(Registry.discover())))
    assert (first.name, first.status) == ("python", BROKEN)
    assert first.found == doctor.platform.python_version()
    assert first.mend == "use Python 3.11 or newer"

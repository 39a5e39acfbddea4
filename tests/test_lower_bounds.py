"""The lowest versions that the packages say they work with: declared for all, and together they carry the job out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = Path(__file__).resolve().parents[1]
FILES = [PROJECT / "pyproject.toml", *sorted(PROJECT.glob("plugins/*/pyproject.toml"))]
LOWEST_PYTHON = (3, 11)
SELECTION = (
    "tests/cli/test_export.py",
    "tests/data",
    "tests/engine",
    "tests/explain",
    "tests/report",
    "tests/statistics",
    "plugins/segkit-losses",
    "plugins/segkit-metrics",
    "plugins/segkit-nifti",
    "plugins/segkit-pspnet",
    "plugins/segkit-tensorboard",
    "plugins/segkit-unet",
)
"""Tests of what calls other libraries most; the whole suite would take twice as long."""
LEFT_OUT = {
    "plugins/segkit-pspnet/tests/test_contract.py::test_plugin[pspnet-2d-onnx]":
        "PyTorch 2.6 cannot write batch normalisation as ONNX; it says so (docs/predict-and-hand-over.md)",
}  # fmt: skip
SMALL = ("--epochs", "1", "--size", "32", "--device", "cpu")


def requirements() -> list[Requirement]:
    """What the core and the plugins require of other projects, extras included."""
    found = []
    for file in FILES:
        project = tomllib.loads(file.read_text())["project"]
        listed = [project["dependencies"], *project.get("optional-dependencies", {}).values()]
        found += [Requirement(text) for texts in listed for text in texts]
    return [one for one in found if not one.name.startswith("segkit")]


def lowest() -> dict[str, Version]:
    """The lowest version of each that suits all of them."""
    bounds: dict[str, Version] = {}
    for one in requirements():
        for clause in one.specifier:
            if clause.operator == ">=":
                name = canonicalize_name(one.name)
                bounds[name] = max(Version(clause.version), bounds.get(name, Version("0")))
    return bounds


def test_everything_has_a_lower_bound():
    """A version that nobody has tried is not promised to work."""
    assert [str(one) for one in requirements() if not any(clause.operator == ">=" for clause in one.specifier)] == []


def test_bounds_are_the_same_everywhere():
    """A plugin that asks for less than the core or another plugin names a version that is never tried with it."""
    bounds: dict[str, set[str]] = {}
    for one in requirements():
        bounds.setdefault(canonicalize_name(one.name), set()).add(str(one.specifier))
    assert {name: found for name, found in bounds.items() if len(found) > 1} == {}


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A new environment with everything installed in place, each dependency at its lowest version."""
    if sys.version_info[:2] != LOWEST_PYTHON:
        pytest.skip("the lowest versions are tried with the lowest Python, 3.11: others are too new for their wheels")
    place = tmp_path_factory.mktemp("lowest")
    pins = place / "lowest.txt"
    pins.write_text("".join(f"{name}=={version}\n" for name, version in lowest().items()))
    subprocess.run([sys.executable, "-m", "venv", place / "env"], check=True)
    folders = [word for name in ("", "-bridges") for word in ("-r", PROJECT / f"requirements{name}.txt")]
    install = [place / "env" / "bin" / "python", "-m", "pip", "install", "--quiet", "--constraint", pins]
    subprocess.run([*install, *folders, "-e", f"{PROJECT}[onnx]", "pytest", "hypothesis"], cwd=PROJECT, check=True)
    return place / "env" / "bin"


def call(*command, cwd) -> str:
    """Run a command and return what it printed; fail with all that it said."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEGKIT_", "PYTHON", "PYTEST"))}
    environ = {**kept, "SEGKIT_CACHE": str(cwd / "cache"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=cwd, env=environ, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    return done.stdout


@pytest.mark.full
def test_they_are_what_is_installed(environment, tmp_path):
    """Nothing asked for more than was declared, and the packages agree with one another."""
    listed = json.loads(call(environment / "python", "-m", "pip", "list", "--format", "json", cwd=tmp_path))
    installed = {canonicalize_name(one["name"]): Version(one["version"]) for one in listed}
    assert {name: installed[name] for name in lowest()} == lowest()
    call(environment / "python", "-m", "pip", "check", cwd=tmp_path)


@pytest.mark.full
def test_they_carry_the_job_out(environment, tmp_path):
    """Photographs, volumes, bridges, explanations, a comparison and graphs."""
    segkit = environment / "segkit"
    call(segkit, "doctor", cwd=tmp_path)
    call(segkit, "run", "--arch", "unet", "--data", "isic", *SMALL, "--output", "run", cwd=tmp_path)
    assert (tmp_path / "run" / "report.html").is_file()
    assert list((tmp_path / "run" / "tensorboard").iterdir())
    call(segkit, "export", "run", "--to", "onnx", cwd=tmp_path)
    call(segkit, "export", "run", "--to", "torch-export", cwd=tmp_path)
    few = ("--set", "data.patches=1", "--output", "volumes")
    call(segkit, "run", "--arch", "unet", "--data", "amos", *SMALL, *few, cwd=tmp_path)
    networks = ("unet", "smp-unet", "monai-dynunet")
    archs = [word for name in networks for word in ("--arch", name)]
    size = ("--epochs", "1", "--size", "64", "--device", "cpu")
    call(segkit, "compare", *archs, "--data", "isic", *size, "--output", "compared", cwd=tmp_path)
    assert (tmp_path / "compared" / "report.html").is_file()


@pytest.mark.full
def test_they_pass_the_tests(environment, tmp_path):
    """Values and gradients agree with the references, files are read and written as ever."""
    selection = [PROJECT / path for path in SELECTION]
    options = ["-q", "-p", "no:cacheprovider", "--rootdir", PROJECT, "-c", PROJECT / "pyproject.toml"]
    options += [f"--deselect={PROJECT / test}" for test in LEFT_OUT]
    call(environment / "python", "-m", "pytest", *options, *selection, cwd=tmp_path)

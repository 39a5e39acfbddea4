"""`segkit new`: the packages it writes install, pass their own tests, are listed and run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from segkit.cli import main
from segkit.declarations.parts import EVERY_KIND
from segkit.scaffold import KINDS

NAMES = {
    **{"arch": "tinynet", "data": "discs", "loss": "soft-overlap", "metric": "f-beta", "explainer": "gradact"},
    **{"optimizer": "sign-mean", "schedule": "falling", "augmentation": "slope", "normalization": "clipped"},
    **{"sampler": "filled", "postprocess": "no-specks", "exporter": "archive", "section": "missed-ones"},
    **{"searcher": "golden", "launcher": "polite", "command": "medians"},
}
SETTINGS = {
    "train.optimizer": "sign-mean",
    "train.schedule": "falling",
    "augment.further": "slope",
    "data.normalization": "clipped",
    "data.sampler": "filled",
    "evaluate.postprocess": "no-specks",
}


def new(*arguments):
    """Call the command in this process."""
    return CliRunner().invoke(main, ["new", *map(str, arguments)])


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """One package of each kind."""
    folder = tmp_path_factory.mktemp("new")
    for kind, name in NAMES.items():
        done = new(kind, name, "--output", folder, *(["--license", "Apache-2.0"] if kind == "loss" else []))
        assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(scope="module")
def site(packages, install_source):
    """The folder that pip installs all of them into."""
    return install_source(sorted(packages.iterdir()))


def test_every_kind_has_a_template():
    """None is forgotten, and a kind that joins without one is told here."""
    assert set(NAMES) == set(KINDS) == {*EVERY_KIND, "command"}


def test_what_is_written(packages):
    """A pyproject, one module (a network's class in a second), a test, a README; a licence where asked for."""
    written = {
        folder.name: sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        for folder in packages.iterdir()
    }
    assert written["segkit-discs"] == ["README.md", "pyproject.toml", "segkit_discs.py", "tests/test_discs.py"]
    assert written["segkit-tinynet"] == [
        "README.md",
        "pyproject.toml",
        "segkit_tinynet/__init__.py",
        "segkit_tinynet/model.py",
        "tests/test_tinynet.py",
    ]
    assert "LICENSE" in written["segkit-soft-overlap"]
    assert 'license = "Apache-2.0"' in (packages / "segkit-soft-overlap" / "pyproject.toml").read_text()
    assert "Choose a licence" in (packages / "segkit-tinynet" / "README.md").read_text()


def test_nothing_is_left_to_fill_in(packages):
    """No placeholder of a template survives, and every comment says what to replace or why."""
    for file in packages.rglob("*.*"):
        # "$@" and "$?" are a shell's.
        assert not re.search(r"\$[\w{]", file.read_text().replace('"$0"', "")), file.name
    modules = [file.read_text() for file in packages.rglob("segkit_*/*.py")] + [
        file.read_text() for file in packages.glob("*/segkit_*.py")
    ]
    assert len(modules) == len(NAMES) + 2
    for text in modules:
        comments = [line.strip() for line in text.splitlines() if line.strip().startswith("#")]
        assert any(line.startswith("# Replace") for line in comments) or not comments


def test_they_are_listed_with_nothing_to_say_against_them(site, segkit_beside):
    """After pip install each component is in the list, and its plugin loads without a note."""
    listed = json.loads(segkit_beside(site, "list", "--json").stdout)
    found = {item["kind"]: item["full_name"] for item in listed if item["version"] == "0.1.0"}
    for kind, name in NAMES.items():
        if kind == "command":
            continue
        assert f"segkit-{name}:{name}" in {item["full_name"] for item in listed if item["kind"] == kind}, found
    report = json.loads(segkit_beside(site, "plugins", "--json").stdout)
    own = [plugin for plugin in report["plugins"] if plugin["distribution"] in {f"segkit-{n}" for n in NAMES.values()}]
    assert [(plugin["status"], plugin["notes"]) for plugin in own] == [("ok", [])] * len(NAMES)


def run_tests(site, packages, names):
    """Run the packages' own tests beside the folder they are installed in."""
    environ = {**os.environ, "PYTHONPATH": str(site)}
    folders = [str(packages / f"segkit-{name}" / "tests") for name in names]
    command = [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider", *folders]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=packages, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_they_pass_their_own_tests(site, packages):
    """All but the network's, whose graphs take seconds."""
    assert " failed" not in run_tests(site, packages, [name for kind, name in NAMES.items() if kind != "arch"])


@pytest.mark.full
def test_the_network_passes_its_own_tests(site, packages):
    """In 2D and 3D, compiled and exported."""
    assert " failed" not in run_tests(site, packages, [NAMES["arch"]])


def test_they_run_together_at_once(site, segkit_beside, tmp_path):
    """One command trains the new network on the new dataset with all new parts, scores and explains with new ones."""
    parts = ("--arch", "tinynet", "--data", "discs", "--loss", "soft-overlap", "--metric", "f-beta")
    further = [part for name, value in SETTINGS.items() for part in ("--set", f"{name}={value}")]
    run = ("run", *parts, "--explain", "gradact", *further)
    options = ("--epochs", "1", "--size", "32", "--device", "cpu", "--output", str(tmp_path / "run"), "--json")
    done = segkit_beside(site, *run, *options, SEGKIT_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    names = {component["name"] for component in summary["components"]}
    elsewhere = ("exporter", "section", "searcher", "launcher", "command")
    used = {name for kind, name in NAMES.items() if kind not in elsewhere}
    assert {f"segkit-{name}:{name}" for name in used} <= names
    assert list((tmp_path / "run" / "explanations").rglob("*gradact*.npz"))
    assert "missed altogether" in (tmp_path / "run" / "report.html").read_text()
    told = segkit_beside(site, "medians", str(tmp_path / "run"), "--column", "f-beta")
    assert told.returncode == 0, told.stderr
    assert "\t" in told.stdout
    done = segkit_beside(site, "export", str(tmp_path / "run"), "--to", "archive")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "model.npz").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("arch", "Tiny_Net"), "'Tiny_Net' cannot be a component's name"),
        (("arch", "3d"), "a letter first"),
        (("arch", "tinynet", "--license", "MIT"), "--license MIT: unknown; say Apache-2.0"),
        (("shader", "tinynet"), "'shader' is none of"),
        (("optimizer", "adamw"), "optimizer 'adamw' is the core's"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(arguments, message, tmp_path):
    """Nothing is written."""
    done = new(*arguments, "--output", tmp_path)
    assert done.exit_code == 2
    assert message in done.output
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken(tmp_path):
    """Two components of one name would have to be told apart by their full names for ever."""
    done = new("loss", "ce", "--output", tmp_path)
    assert done.exit_code == 2
    assert "is provided by segkit-losses:ce" in done.output


def test_what_is_there_is_never_overwritten(tmp_path):
    """A second call is refused, and the author's changes stay."""
    assert new("loss", "mine", "--output", tmp_path).exit_code == 0
    module = tmp_path / "segkit-mine" / "segkit_mine.py"
    module.write_text("# my work\n")
    done = new("loss", "mine", "--output", tmp_path)
    assert done.exit_code == 1
    assert "is there already; choose another name" in done.output
    assert module.read_text() == "# my work\n"


def test_a_distribution_name_is_understood(tmp_path):
    """segkit-NAME means NAME."""
    assert new("metric", "segkit-recall-at", "--output", tmp_path).exit_code == 0
    assert Path(tmp_path, "segkit-recall-at", "segkit_recall_at.py").is_file()

"""`segkit doctor`: a sound installation passes; each thing that is wrong is named with the way to mend it."""

import importlib
import json
import types
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import segkit
from segkit.cli import main
from segkit.declarations.installed import Plugin
from segkit.discovery import Registry


@pytest.fixture
def doctor(toy_registry: Registry, monkeypatch: pytest.MonkeyPatch):
    """Call `segkit doctor ARGS` in this process with the toy plugin alone."""
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **_: toy_registry))

    def call(*args: str) -> Result:
        return CliRunner().invoke(main, ["doctor", *args])

    return call


def broken(result: Result) -> list[dict]:
    """What is broken; the command then exits with 1."""
    assert result.exit_code == 1, result.output
    said = json.loads(result.stdout)
    found = [part for part in said["findings"] if part["status"] == "broken"]
    assert said["broken"] == len(found)
    assert all(part["mend"] for part in found)
    return found


def test_a_sound_installation(doctor) -> None:
    """Every area is looked at, versions are the installed ones, and the exit code is 0."""
    result = doctor("--json")
    assert result.exit_code == 0, result.output
    findings = {(part["area"], part["name"]): part for part in json.loads(result.stdout)["findings"]}
    assert {area for area, _ in findings} == {"versions", "devices", "plugins", "data", "disk"}
    assert findings["versions", "torch"]["found"] == metadata.version("torch")
    assert findings["devices", "cpu"]["status"] != "broken"
    assert "segkit data download squares" in findings["data", "squares"]["mend"]
    assert doctor().exit_code == 0


def test_a_data_root_is_found(doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SEGKIT_DATA/<name> is where the dataset will be read from; one that is not there is broken."""
    (tmp_path / "all" / "squares").mkdir(parents=True)
    monkeypatch.setenv("SEGKIT_DATA", str(tmp_path / "all"))
    findings = json.loads(doctor("--json").stdout)["findings"]
    assert next(part for part in findings if part["name"] == "squares")["found"] == str(tmp_path / "all" / "squares")
    monkeypatch.setenv("SEGKIT_DATA", str(tmp_path / "unmounted"))
    (only,) = broken(doctor("--json"))
    assert (only["area"], only["name"]) == ("data", "SEGKIT_DATA")


def test_a_requirement_that_is_not_met(doctor, toy_registry: Registry) -> None:
    """A distribution that a plugin requires and that is missing or too old is named with both versions."""
    plugin = toy_registry.plugins[0]
    plugin.requires = ("segkit-nowhere>=2", "numpy>=900", 'win-only; sys_platform == "nowhere"')
    missing, old = sorted(broken(doctor("--json")), key=lambda part: part["name"], reverse=True)
    assert (missing["name"], missing["mend"]) == ("segkit-nowhere", 'pip install "segkit-nowhere>=2"')
    assert "required by segkit-toy" in missing["found"]
    assert old["found"].startswith(f"{metadata.version('numpy')}; ")
    assert ">=900" in old["found"]


def test_a_plugin_that_does_not_load(doctor, toy_registry: Registry) -> None:
    """Its reason and hint are told; so is a component whose code does not import."""

    def load():
        raise ImportError("no module named rare")

    toy_registry.add(Plugin("segkit-rare", "3.1", types.SimpleNamespace(name="rare", value="rare", load=load)))
    toy_registry.plugins[0].components.append(segkit.Loss(name="gone", factory="gone_module:f", summary="Gone."))
    found = {part["name"]: part for part in broken(doctor("--json"))}
    assert "ImportError: no module named rare" in found["segkit-rare"]["found"]
    assert "No module named 'gone_module'" in found["loss segkit-toy:gone"]["found"]
    result = doctor()
    assert sum(line.startswith("broken: ") for line in result.stderr.splitlines()) == 2


def test_pytorch_that_does_not_import(doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the import raises is the reason, and the rest is looked at all the same."""
    real = importlib.import_module

    def refuse(name: str, *args: object):
        if name == "torch":
            raise OSError("libtorch.so: cannot open shared object file")
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", refuse)
    result = doctor("--json")
    (only,) = broken(result)
    assert only["found"] == "does not import: OSError: libtorch.so: cannot open shared object file"
    assert json.loads(result.stdout)["findings"][-1]["area"] == "disk"


def test_a_cache_that_cannot_be_written(doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is told by the system call itself, for the superuser may write everywhere."""
    import tempfile

    def refuse(*args: object, **options: object):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    found = broken(doctor("--json"))
    assert [part["name"] for part in found] == ["cache", "working directory"]
    assert "No space left on device" in found[0]["found"]
    assert "SEGKIT_CACHE" in found[0]["mend"]

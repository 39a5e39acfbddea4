"""Hostile plugins stop no command, and each is explained."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FAILED = {
    "missing-import": (
        "ModuleNotFoundError: No module named 'module_that_nobody_has'",
        "pip install --force-reinstall",
    ),
    "exiting": ("SystemExit: no licence key", "SEGKIT_DISABLE_PLUGINS=hostile-exiting"),
    "strange-exception": ("Stop: beyond Exception", "SEGKIT_DISABLE_PLUGINS=hostile-strange-exception"),
    "raising-hook": ("RuntimeError: the database is locked", "report it to its author"),
    "wrong-type": ("hook segkit_losses returned dict, not a list", "return a list of segkit.Loss"),
    "generator": ("hook segkit_losses returned generator, not a list", "return a list of segkit.Loss"),
    "wrong-kind": ("hook segkit_architectures returned a Loss", "return a list of segkit.Architecture"),
    "unknown-hook": (
        "unknown hook 'segkit_architecture' (did you mean 'segkit_architectures'?)",
        "hooks of this segkit: segkit_architectures",
    ),
    "wrong-argument": ("Argument(s) {'registry'} are declared in the hookimpl but can not be found", "report it"),
    "twice": ("it declares loss 'again' twice", "report it to its author"),
    "excluding": ("it asks for segkit-core<100,>=99, this is", "pip install --upgrade hostile-excluding segkit-core"),
    "slash": ("'soft/dice' is not a component name", "report it to its author"),
    "capitals": ("'DICE' is not a component name: use a-z, 0-9 and single hyphens", "report it to its author"),
}
LOADED = ("first", "second", "absent-factory", "printing", "unmarked")


@pytest.fixture(scope="module")
def report(site, segkit_beside):
    """What `segkit plugins --json` says of every hostile plugin, by name."""
    done = segkit_beside(site, "plugins", "--json")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    found = {plugin["distribution"]: plugin for plugin in json.loads(done.stdout)["plugins"]}
    return {name.removeprefix("hostile-"): plugin for name, plugin in found.items() if name.startswith("hostile-")}


@pytest.fixture(scope="module")
def listing(site, segkit_beside):
    """What `segkit list` prints beside every hostile plugin."""
    return segkit_beside(site, "list")


def use(site, name):
    """Load the factory of one loss in a new process, as a run does."""
    code = (
        f"from segkit.discovery import Registry; print(Registry.discover().find('loss', {name!r}).load()(None, None))"
    )
    environ = {"PYTHONPATH": str(site), "PATH": ""}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=False)


@pytest.mark.parametrize("name", sorted(FAILED))
def test_failure_is_explained(report, name):
    """`segkit plugins` gives the reason and a way out for every plugin that did not load."""
    reason, hint = FAILED[name]
    assert report[name]["status"] == "failed"
    assert reason in report[name]["reason"]
    assert "\n" not in report[name]["reason"]
    assert hint in report[name]["hint"]
    assert report[name]["components"] == []


def test_no_plugin_is_left_out(report):
    """Every hostile plugin is either expected to fail or expected to load, and does."""
    assert set(report) == {*FAILED, *LOADED}
    assert {name for name, plugin in report.items() if plugin["status"] == "ok"} == set(LOADED)


def test_list_goes_on(listing):
    """`segkit list` shows what works, exits with 0 and says one line for each plugin that failed."""
    assert listing.returncode == 0
    names = {line.split("\t")[1] for line in listing.stdout.splitlines()}
    assert {"printed", "no-module", "hostile-first:contested", "hostile-second:contested"} <= names
    assert not {"excluded", "again", "other", "misplaced", "yielded"} & names
    for name in FAILED:
        assert listing.stderr.count(f"plugin hostile-{name} 0.9 did not load: ") == 1
    assert "Traceback" not in listing.stderr


def test_output_stays_machine_readable(listing):
    """What a plugin prints when it is imported does not end up among the results."""
    assert "thank you" not in listing.stdout
    assert all(line.count("\t") == 4 for line in listing.stdout.splitlines())


def test_shared_name_is_marked(listing):
    """A name of several plugins is listed in full, and a line says so."""
    expected = (
        "loss 'contested' is provided by several plugins: say hostile-first:contested or hostile-second:contested"
    )
    assert expected in listing.stderr


def test_shared_name_is_described_for_both(site, segkit_beside):
    """`segkit info` of a name of two plugins describes both."""
    described = json.loads(segkit_beside(site, "info", "contested", "--json").stdout)
    assert [item["full_name"] for item in described] == ["hostile-first:contested", "hostile-second:contested"]


def test_shared_name_cannot_be_used(site):
    """Using a name of two plugins is an error that names both full names, and a full name works."""
    assert "say hostile-first:contested or hostile-second:contested" in use(site, "contested").stderr
    assert use(site, "hostile-second:contested").stdout.strip() == "second"


def test_twin_entry_points_both_load(report):
    """Two distributions may name their entry points alike; the second is told about it."""
    assert report["first"]["entry_point"] == report["second"]["entry_point"] == "first"
    assert report["second"]["notes"] == ["its entry point 'first' is named as that of hostile-first"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no-module", "plugin hostile-absent-factory, loss no-module: 'hostile_nowhere:build' does not resolve"),
        ("no-function", "'hostile_absent_factory:build' does not resolve: AttributeError"),
        ("no-callable", "'hostile_absent_factory:VALUE' is not callable"),
    ],
)
def test_absent_factory_is_told_at_use(site, name, reason):
    """A string that does not resolve is an error that names plugin, component and string."""
    assert reason in use(site, name).stderr


def test_warnings_and_unmarked_hooks_are_noted(report):
    """What a plugin warns of when it is declared, and a hook without its mark, are told by `segkit plugins`."""
    assert report["printing"]["notes"] == ["DeprecationWarning: old habits"]
    assert report["unmarked"]["notes"] == ["declares no component: is its hook marked with @segkit.hookimpl?"]


def test_the_one_asked_for_is_an_error(site, segkit_beside):
    """Asking for a plugin that did not load gives its reason instead of a list."""
    done = segkit_beside(site, "info", "hostile-exiting:anything")
    assert done.returncode == 1
    assert "error: plugin hostile-exiting 0.9 did not load: SystemExit: no licence key; " in done.stderr


def test_disabled_plugins_are_not_imported(site, segkit_beside):
    """SEGKIT_DISABLE_PLUGINS spares the named plugins, under any spelling of their name, and names those unknown."""
    done = segkit_beside(site, "plugins", "--json", SEGKIT_DISABLE_PLUGINS="Hostile_Exiting, no-such")
    status = {plugin["distribution"]: plugin["status"] for plugin in json.loads(done.stdout)["plugins"]}
    assert status["hostile-exiting"] == "disabled"
    assert status["hostile-printing"] == "ok"
    assert "SEGKIT_DISABLE_PLUGINS names 'no-such'" in done.stderr


@pytest.mark.parametrize(("args", "variables"), [(["--no-plugins"], {}), ([], {"SEGKIT_DISABLE_PLUGINS": "all"})])
def test_no_plugins_at_all(site, segkit_beside, args, variables):
    """--no-plugins and SEGKIT_DISABLE_PLUGINS=all import none of them."""
    done = segkit_beside(site, "plugins", "--json", *args, **variables)
    assert {plugin["status"] for plugin in json.loads(done.stdout)["plugins"]} == {"disabled"}
    assert "thank you" not in done.stderr


def test_torch_at_the_top_is_noted(make_package, install_wheels, segkit_beside):
    """A plugin that makes every command slow works, and `segkit plugins` tells who it is."""
    heavy = install_wheels([make_package("torch_at_the_top")])
    plugins = json.loads(segkit_beside(heavy, "plugins", "--json").stdout)["plugins"]
    notes = {plugin["distribution"]: plugin["notes"] for plugin in plugins}
    assert notes["hostile-torch-at-the-top"] == ["imports torch when it is declared: every command starts slower"]


def test_malformed_distribution_hides_no_other(tmp_path, segkit_beside):
    """A distribution whose entry points cannot be read is reported, and the others are listed."""
    folder = tmp_path / "mangled-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: mangled\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[segkit]\nno equals sign here\n")
    plugins = json.loads(segkit_beside(tmp_path, "plugins", "--json").stdout)["plugins"]
    status = {plugin["distribution"]: plugin["status"] for plugin in plugins}
    assert status.pop("mangled") == "failed"
    assert set(status.values()) <= {"ok"}


@pytest.fixture(params=[b"[x]\n\xff = m\n", b"[x]\nno equals sign\n"], ids=["no UTF-8", "malformed"])
def damaged(request, tmp_path) -> Path:
    """A site with a distribution that is no plugin, and whose entry points nobody can read."""
    folder = tmp_path / "site" / "mangled-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_bytes(b"Metadata-Version: 2.1\nName: mangled\nVersion: 1.0\nAuthor: M\xfcller\n")
    (folder / "entry_points.txt").write_bytes(request.param)
    return tmp_path / "site"


@pytest.mark.parametrize("args", [["list"], ["plugins"], ["info", "unet"], ["--help"]])
def test_damaged_distributions_stop_no_command(damaged, segkit_beside, args):
    """What is installed beside segkit and is broken stops no command that does without it."""
    done = segkit_beside(damaged, *args)
    assert (done.returncode, done.stderr) == (0, "")


def test_damaged_distributions_that_stop_pytorch_are_named(damaged, run_toy_beside, tmp_path):
    """Where PyTorch's compiler refuses to be imported beside it, the error says which one and what to do."""
    done = run_toy_beside(damaged, "--output", str(tmp_path / "run"))
    if done.returncode:
        (line,) = [line for line in done.stderr.splitlines() if "error" in line]
        assert line.startswith("error: mangled is installed, and its entry_points.txt cannot be read: ")
        assert line.endswith("; reinstall or uninstall it, and ask segkit doctor")


@pytest.mark.parametrize("damaged", [b"[x]\n\xff = m\n"], indirect=True)
def test_damaged_distributions_are_found_by_the_doctor(damaged, segkit_beside):
    """`segkit doctor` names it and the way out."""
    found = json.loads(segkit_beside(damaged, "doctor", "--json").stdout)["findings"]
    (mangled,) = [one for one in found if one["name"] == "mangled"]
    assert (mangled["area"], mangled["status"]) == ("plugins", "broken")


def test_a_run_that_needs_none_of_them_ends_well(site, run_toy_beside, tmp_path):
    """With all of them installed a job is trained, scored and reported."""
    done = run_toy_beside(site, "--output", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["scores"]


def test_a_run_that_asks_for_a_broken_one_says_why(site, run_toy_beside, tmp_path):
    """A loss whose factory does not exist ends the run with plugin, component and string, before any training."""
    done = run_toy_beside(site, "--loss", "no-function", "--output", str(tmp_path / "run"))
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert "plugin hostile-absent-factory, loss no-function" in line
    assert "does not resolve" in line
    assert "epoch" not in done.stderr

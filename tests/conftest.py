"""Real packages, built and installed with pip into a folder of their own, the command run beside them; a browser."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from segkit.declarations.installed import Plugin
from segkit.discovery import Registry

PROJECT = Path(__file__).resolve().parents[1]
BUILD = """
import os, sys, tarfile, tempfile
from hatchling.build import build_sdist, build_wheel
for folder in sys.argv[2:]:
    with tempfile.TemporaryDirectory() as empty:
        os.chdir(folder)
        name = os.path.join(empty, build_sdist(empty))
        with tarfile.open(name) as archive:
            archive.extractall(empty, filter="data")
        os.chdir(name.removesuffix(".tar.gz"))
        build_wheel(sys.argv[1])
        os.chdir(sys.argv[1])
"""
"""As `python -m build` does: the wheel comes from the source distribution, which has nothing beside it."""
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")

Install = Callable[[Iterable[Path]], Path]
Segkit = Callable[..., "subprocess.CompletedProcess[str]"]


def call(*command: str, environ: dict[str, str] | None = None, cwd: Path | None = None) -> None:
    """Run a command and fail with all that it said."""
    done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=cwd, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="session")
def install_wheels(tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Build the packages in some folders as sdists, those as wheels, and install them without what they depend on."""

    def install(folders: Iterable[Path]) -> Path:
        place = tmp_path_factory.mktemp("wheels")
        wheels, target = place / "wheels", place / "site"
        wheels.mkdir()
        call(sys.executable, "-c", BUILD, str(wheels), *(str(folder) for folder in folders))
        found = [str(wheel) for wheel in sorted(wheels.glob("*.whl"))]
        call(*PIP, "install", "--no-deps", "--no-index", "--target", str(target), *found)
        return target

    return install


@pytest.fixture(scope="session")
def install_source(tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Install the packages in some folders with pip, from source as their authors would."""

    def install(folders: Iterable[Path]) -> Path:
        target = tmp_path_factory.mktemp("source") / "site"
        paths = [str(folder) for folder in folders]
        call(*PIP, "install", "--no-deps", "--no-index", "--no-build-isolation", "--target", str(target), *paths)
        return target

    return install


@pytest.fixture(scope="session")
def segkit_beside(tmp_path_factory: pytest.TempPathFactory) -> Segkit:
    """Run `segkit ARGS` in a new process that also sees the packages installed in a folder."""
    empty = tmp_path_factory.mktemp("empty")

    def run(site: Path | str, *args: str, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("SEGKIT_") and name not in ("NO_COLOR", "FORCE_COLOR", "PYTHONPATH")
        }
        environ = {**kept, "PYTHONPATH": str(site), **variables}
        command = (sys.executable, "-m", "segkit", *args)
        return subprocess.run(
            command, capture_output=True, text=True, env=environ, cwd=empty, stdin=subprocess.DEVNULL, check=False
        )

    return run


@pytest.fixture(scope="session")
def run_toy_beside(install_wheels: Install, segkit_beside: Segkit, tmp_path_factory: pytest.TempPathFactory) -> Segkit:
    """Run a tiny job of the toy plugin, `segkit run ARGS`, beside the packages in a folder."""
    toy = install_wheels([PROJECT / "tests" / "toy"])
    cache = tmp_path_factory.mktemp("cache")

    def run(site: Path, *args: str) -> subprocess.CompletedProcess[str]:
        both = os.pathsep.join(map(str, (site, toy)))
        job = ("run", "--arch", "net", "--data", "squares", "--epochs", "1", "--device", "cpu", "--json")
        return segkit_beside(both, *job, *args, SEGKIT_CACHE=str(cache))

    return run


@pytest.fixture
def toy_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Registry:
    """A registry of the toy plugin alone, with a cache and a working directory of its own."""
    monkeypatch.syspath_prepend(str(PROJECT / "tests" / "toy"))
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SEGKIT_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    registry = Registry()
    registry.add(Plugin("segkit-toy", "1.0", EntryPoint("toy", "segkit_toy", "segkit")))
    assert not registry.failed, registry.failed[0].reason
    return registry


@pytest.fixture
def parts_registry(toy_registry: Registry) -> Registry:
    """The toy plugin, and a second stranger's that has parts of training and output, a launcher and a subcommand."""
    toy_registry.add(Plugin("segkit-toy-parts", "2.0", EntryPoint("toy-parts", "segkit_toy_parts", "segkit")))
    assert not toy_registry.failed, toy_registry.failed[0].reason
    return toy_registry


@pytest.fixture(scope="session")
def trained_toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the toy job, made once; tests copy it before they change it."""
    from segkit.config import Layer
    from segkit.engine.progress import Progress
    from segkit.jobs.run import run_job
    from segkit.planning.plan import make_plan

    place = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROJECT / "tests" / "toy"))
        patch.setenv("SEGKIT_CACHE", str(place / "cache"))
        patch.delenv("SEGKIT_DATA", raising=False)
        patch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)
        registry = Registry()
        registry.add(Plugin("segkit-toy", "1.0", EntryPoint("toy", "segkit_toy", "segkit")))
        values = {"components.arch": "net", "components.data": "squares", "run.device": "cpu", "train.epochs": 15}
        result = run_job(make_plan([Layer("flag", values)], registry, {}), place / "run", Progress())
    assert result.summary["scores"][0]["mean"] > 0.5, "it is to find something"
    return place / "run"


@pytest.fixture
def toy_run(trained_toy: Path, toy_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished toy run in the working directory, which commands see beside the toy plugin alone."""
    import shutil

    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **_: toy_registry))
    shutil.copytree(trained_toy, tmp_path / "run")
    return Path("run")


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
BROWSER_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--virtual-time-budget=5000",
    "--dump-dom",
)
HARNESS = """<!doctype html><meta name="color-scheme" content="light dark"><body><script>
const frame = document.createElement("iframe");
frame.style = "width: 390px; height: 844px; border: 0; color-scheme: light dark";
frame.srcdoc = PAGE;
frame.onload = () => {
  const page = frame.contentDocument, root = page.documentElement, view = frame.contentWindow;
  const all = (selector) => Array.from(page.querySelectorAll(selector));
  const shown = () => all("#case-table tbody tr:not([hidden])");
  const column = (index) => shown().map((row) => row.cells[index].textContent);
  const button = (name) => all("#case-table thead button").find((one) => one.textContent === name);
  const visible = (selector) => view.getComputedStyle(page.querySelector(selector)).display !== "none";
  const input = (id, value) => {
    page.getElementById(id).value = value;
    page.getElementById(id).dispatchEvent(new Event("input", {bubbles: true}));
  };
  const seen = {available: root.clientWidth, width: root.scrollWidth, rows: shown().length};
  seen.dark = view.matchMedia("(prefers-color-scheme: dark)").matches;
  seen.unloaded = all("img").filter((one) => !one.complete || !one.naturalWidth).length;
  seen.unlabelled = all("input, select").filter((one) => !one.labels.length).length;
  SCRIPT
  all("details").forEach((details) => { details.open = true; });
  seen.widthOpen = root.scrollWidth;
  const scrolls = (one) => one.scrollWidth > one.clientWidth && view.getComputedStyle(one).overflowX === "auto";
  seen.unreachable = all("main *").filter((one) => scrolls(one) && one.tabIndex < 0).map((one) => one.className);
  const result = document.createElement("pre");
  result.id = "result";
  result.textContent = JSON.stringify(seen);
  document.body.append(result);
};
document.body.append(frame);
</script>"""


@pytest.fixture
def in_browser(tmp_path: Path) -> Callable[[str, str, str], dict[str, object]]:
    """Open a page 390 pixels wide, run a script in it, and return what that put into `seen`.

    What every page has to fulfil is checked here: nothing scrolls sideways, pictures are there, fields have labels,
    what scrolls can be reached with the keyboard, and the console stays empty.
    """
    if BROWSER is None:
        pytest.skip("no Chromium found; install one to test pages in a browser")

    def look(page: str, script: str, scheme: str) -> dict[str, object]:
        harness = tmp_path / "harness.html"
        content = json.dumps(page).replace("</", "<\\/")
        harness.write_text(HARNESS.replace("SCRIPT", script).replace("PAGE", content), encoding="utf-8")
        colours = f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}"
        command = [BROWSER, *BROWSER_OPTIONS, colours, f"--user-data-dir={tmp_path / 'profile'}", harness.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        seen = json.loads(html.unescape(re.search(r'<pre id="result">(.*)</pre>', done.stdout)[1]))
        assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
        assert 370 <= seen["available"] <= 390
        assert seen["width"] == seen["widthOpen"] == seen["available"]
        assert seen["dark"] == (scheme == "dark")
        assert (seen["unloaded"], seen["unlabelled"], seen["unreachable"]) == (0, 0, [])
        return seen

    return look


@pytest.fixture
def dumped_page(tmp_path: Path) -> Callable[[Path], str]:
    """Open a page, let its scripts run for some seconds of its own clock, and return what became of it."""
    if BROWSER is None:
        pytest.skip("no Chromium found; install one to test pages in a browser")

    def dump(page: Path) -> str:
        command = [str(BROWSER), *BROWSER_OPTIONS, f"--user-data-dir={tmp_path / 'profile'}", page.as_uri()]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout

    return dump

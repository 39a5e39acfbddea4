"""How long `segkit --help` and `segkit list` take with 30 plugins installed from wheels, output piped.

    python benchmarks/startup.py [--rounds 20] [--output docs/benchmarks/startup.md]

The core, its own plugins and as many small generated ones as make 30 are built, and installed with pip, in a
temporary environment that sees the packages of this one (torch among them). The commands take turns with a bare
`python -c pass`, so that whatever else the machine does falls on all of them alike. The time by the clock is what
a person waits; the processor's time beside it changes little with what else the machine does.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PLUGINS = 30
GOAL = 0.150
PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "segkit-filler-{number}"
version = "1.0"
dependencies = ["segkit-core>=0.1,<1"]

[project.entry-points.segkit]
filler-{number} = "segkit_filler_{number}"
"""
MODULE = '''
"""Filler {number}."""

from dataclasses import dataclass

import segkit


@dataclass(frozen=True)
class Params:
    width: int = segkit.param(64, "Channels.", min=1, max=1024)
    depth: int = segkit.param(4, "Levels.", min=1, max=8)
    rate: float = segkit.param(0.0, "Dropout.", min=0, max=1)


@segkit.hookimpl
def segkit_architectures():
    return [
        segkit.Architecture(
            name="net-{number}", factory="segkit_filler_{number}:build", params=Params, summary="Network {number}."
        )
    ]


@segkit.hookimpl
def segkit_losses():
    return [segkit.Loss(name="loss-{number}", factory="segkit_filler_{number}:build", summary="Loss {number}.")]
'''


def write_plugin(folder: Path, number: int) -> None:
    """Write one small plugin: a network with three params and a loss."""
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PYPROJECT.format(number=number))
    (folder / f"segkit_filler_{number}.py").write_text(MODULE.format(number=number))


def install(place: Path) -> Path:
    """Make the environment; returns the folder of its commands."""
    folders = sorted(path.parent for path in PROJECT.glob("plugins/*/pyproject.toml"))
    # segkit-nifti is a library of other plugins, and none itself.
    own = sum("[project.entry-points.segkit]" in (folder / "pyproject.toml").read_text() for folder in folders)
    for number in range(PLUGINS - own):
        folders.append(place / "plugins" / str(number))
        write_plugin(folders[-1], number)
    environment = place / "environment"
    venv.create(environment, symlinks=True)
    commands = environment / "bin"
    found = subprocess.run(
        [commands / "python", "-c", "import site; print(site.getsitepackages()[0])"],
        capture_output=True,
        text=True,
        check=True,
    )
    shared = Path(found.stdout.strip()) / "shared.pth"
    # Not site.getsitepackages(): where this environment itself borrows another's packages, these are meant too.
    shared.write_text("\n".join(folder for folder in sys.path if folder.endswith("-packages")) + "\n")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--no-index"]
    wheels = place / "wheels"
    subprocess.run([*pip, "wheel", *options, "--wheel-dir", wheels, PROJECT, *folders], check=True)
    options = ["--no-deps", "--no-index", "--ignore-installed"]
    subprocess.run([*pip, "--python", commands / "python", "install", *options, *wheels.iterdir()], check=True)
    return commands


def processor_seconds() -> float:
    """Return the processor time of all child processes so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(commands: dict[str, list[str]], rounds: int, place: Path) -> dict[str, list[tuple[float, float]]]:
    """Run the commands in turn; returns of each run the seconds by the clock and of the processor."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEGKIT_", "PYTHON"))}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for number in range(rounds + 2):
        for name, command in commands.items():
            start, used = time.perf_counter(), processor_seconds()
            subprocess.run(command, stdout=subprocess.PIPE, check=True, env=kept, cwd=place)
            if number >= 2:  # the first two fill the caches
                seconds[name].append((time.perf_counter() - start, processor_seconds() - used))
    return seconds


def table(seconds: dict[str, list[tuple[float, float]]]) -> str:
    """Write the result as Markdown."""
    lines = ["| command | median | fastest | processor, median |", "| --- | --- | --- | --- |"]
    for name, runs in seconds.items():
        wall, processor = ([values[column] for values in runs] for column in range(2))
        figures = (statistics.median(wall), min(wall), statistics.median(processor))
        lines.append(" | ".join([f"| `{name}`", *(f"{value * 1e3:.0f} ms" for value in figures)]) + " |")
    return "\n".join(lines)


def machine() -> str:
    """Describe this machine in words."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}"


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--output", type=Path, help="also write a page with the table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        bin_folder = install(place)
        python, segkit = str(bin_folder / "python"), str(bin_folder / "segkit")
        report = subprocess.run([segkit, "plugins", "--json"], capture_output=True, text=True, check=True, cwd=place)
        loaded = [plugin for plugin in json.loads(report.stdout)["plugins"] if plugin["status"] == "ok"]
        if len(loaded) != PLUGINS:
            sys.exit(f"{len(loaded)} plugins load instead of {PLUGINS}:\n{report.stdout}")
        commands = {
            "python -c pass": [python, "-c", "pass"],
            "segkit --help": [segkit, "--help"],
            "segkit list": [segkit, "list"],
        }
        seconds = measure(commands, options.rounds, place)
    result = table(seconds)
    print(result)
    if options.output is not None:
        options.output.write_text(
            f"# Start-up\n\n{__doc__}\n{datetime.datetime.now(tz=datetime.UTC).date()}, {machine()}, "
            f"{options.rounds} rounds; the goal is under {GOAL * 1e3:.0f} ms each.\n\n{result}\n"
        )


if __name__ == "__main__":
    main()

"""A stopwatch on the way from `segkit new arch tinynet` to its row in `segkit compare`.

    python benchmarks/newcomer.py [--epochs 4] [--size 64] [--output docs/benchmarks/authoring.md]

Every command is run as a newcomer would type it, in an empty folder and a virtual environment of its own that shares
this one's libraries; nothing is left behind. Prints a transcript in Markdown: commands, seconds, and the last lines of
what the last one says; with --output it takes the place of the page's section of that name. The data are the generated
sample of a dataset, drawn in the first command that needs it.
"""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

SHOWN = 7
"""Lines of output that are shown of the last command."""
HEADING = "## A stopwatch"
LAST = "Without the optional `segkit check` and the first run, the way takes three commands: new, install, compare."


def environment(folder: Path) -> dict[str, str]:
    """Make a virtual environment that sees the packages of this one, and return its variables."""
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    found = next((folder / "venv" / "lib").glob("python*")) / "site-packages"
    (found / "shared.pth").write_text("import site; site.addsitedir(%r)\n" % sysconfig.get_path("purelib"))  # noqa: UP031
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEGKIT_", "PYTHONPATH"))}
    paths = os.pathsep.join([str(folder / "venv" / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**kept, "PATH": paths, "SEGKIT_CACHE": str(folder / "cache"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def commands(epochs: int, size: int) -> list[str]:
    """What a newcomer types."""
    short = f"--epochs {epochs} --size {size} --device cpu"
    return [
        "segkit new arch tinynet",
        "python -m pip install --quiet -e segkit-tinynet",
        "python -m segkit list arch",
        "python -m segkit check segkit-tinynet",
        f"python -m segkit run --arch tinynet --data isic {short}",
        f"python -m segkit compare --arch tinynet --arch unet --data isic {short}",
    ]


def conditions(epochs: int, size: int) -> str:
    """Say what was measured, when and on what."""
    import torch

    load = os.getloadavg()[0]
    return (
        f"`python benchmarks/newcomer.py --epochs {epochs} --size {size}`, {datetime.date.today():%-d %B %Y}: from "
        f"nothing to the row in a comparison, in an empty folder. {os.cpu_count()} cores, PyTorch {torch.__version__}, "
        f"threads: {torch.get_num_threads()}, no GPU used, load average at the start {load:.1f}. The data are the "
        "generated sample of dermoscopy-like pictures, drawn within the first run; so few epochs show the way, not "
        "what the networks can do."
    )


def transcript(epochs: int, size: int) -> str:
    """Run the commands and return the section; ends the program where one fails."""
    lines = [HEADING, "", conditions(epochs, size), "", "| seconds | command |", "| --- | --- |"]
    total, shown, output = 0.0, "", ""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environ = environment(folder)
        work = folder / "work"
        work.mkdir()
        for command in commands(epochs, size):
            start = time.perf_counter()
            done = subprocess.run(
                command, shell=True, cwd=work, env=environ, capture_output=True, text=True, check=False
            )
            seconds = time.perf_counter() - start
            if done.returncode:
                sys.exit(f"{command} failed with {done.returncode}:\n{done.stderr}")
            total += seconds
            shown = command.replace("python -m segkit", "segkit")
            output = (done.stdout.strip() or done.stderr.strip()).replace(name, "")
            lines.append(f"| {seconds:.1f} | `{shown}` |")
    lines += [f"| {total:.1f} | in all |", "", "What the last command says:", "", f"    $ {shown}"]
    lines += [f"    {line}" for line in output.splitlines()[-SHOWN:]]
    return "\n".join([*lines, "", LAST, ""])


def main() -> None:
    """Print the transcript, or put it into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    section = transcript(given.epochs, given.size)
    print(section)
    if given.output:
        before, heading, _ = given.output.read_text(encoding="utf-8").partition(HEADING)
        if not heading:
            sys.exit(f"{given.output} has no section {HEADING!r}")
        given.output.write_text(before + section, encoding="utf-8")


if __name__ == "__main__":
    main()

"""A stopwatch on the way from `segkit new arch tinynet` to its row in `segkit compare`.

    python benchmarks/newcomer.py [--epochs 2] [--size 64]

Every command is run as a newcomer would type it, in an empty folder and a virtual environment of its own that shares
this one's libraries; nothing is left behind. Prints a transcript in Markdown: commands, seconds, and the last lines of
what they say. The data are the generated sample of a dataset, drawn in the first command that needs it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

SHOWN = 6
"""Lines of output that are shown of each command."""


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
        "python -m pip install --quiet --no-deps --no-build-isolation -e segkit-tinynet",
        "python -m segkit list arch",
        "python -m segkit check segkit-tinynet",
        f"python -m segkit run --arch tinynet --data isic {short}",
        f"python -m segkit compare --arch tinynet --arch unet --data isic {short}",
    ]


def main() -> None:
    """Run the commands and print the transcript."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--size", type=int, default=64)
    given = parser.parse_args()
    total = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environ = environment(folder)
        work = folder / "work"
        work.mkdir()
        rows = []
        for command in commands(given.epochs, given.size):
            start = time.perf_counter()
            done = subprocess.run(
                command, shell=True, cwd=work, env=environ, capture_output=True, text=True, check=False
            )
            seconds = time.perf_counter() - start
            total += seconds
            shown = command.replace("python -m segkit", "segkit")
            rows.append((seconds, shown))
            output = (done.stdout.strip() or done.stderr.strip()).replace(name, "").splitlines()
            print(f"\n    $ {shown}", *(f"    {line}" for line in output[-SHOWN:]), sep="\n")
            if done.returncode:
                sys.exit(f"{command} failed with {done.returncode}:\n{done.stderr}")
    print("\n| seconds | command |\n| --- | --- |")
    for seconds, command in rows:
        print(f"| {seconds:.1f} | `{command}` |")
    print(f"| {total:.1f} | in all |")


if __name__ == "__main__":
    main()

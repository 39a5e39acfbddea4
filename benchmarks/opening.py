"""How long a report takes to open in a browser.

    python benchmarks/opening.py RUN [--cases 600] [--rounds 9] [--output FILE.md]

The page of a finished run with its pictures and explanations, written for as many cases as wanted: those that were
scored are repeated under other names. Chromium, headless, loads it from disk in a frame; the time is that from the
frame being given the page until everything in it is loaded, its script has run and its layout is known, a new browser
each time, and an empty page beside it in turn.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from startup import machine

from segkit.discovery import Registry
from segkit.jobs.report import pictures_again
from segkit.report.writer import write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
HARNESS = """<!doctype html><body><iframe width="1280" height="900"></iframe><pre id="result"></pre><script>
const frame = document.querySelector("iframe"), start = performance.now();
frame.onload = () => {
  const height = frame.contentDocument.documentElement.scrollHeight;
  document.getElementById("result").textContent = `${performance.now() - start} ${height}`;
};
frame.srcdoc = PAGE;
</script>"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--cases", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--data-root")
    parser.add_argument("--output", type=Path, help="also write a page")
    asked = parser.parse_args()
    if BROWSER is None:
        sys.exit("no Chromium here: nothing is measured")
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        page, pictures = write_page(asked.run, place / "run", asked.cases, asked.data_root)
        empty = place / "empty.html"
        empty.write_text("<!doctype html><title>empty</title>")
        seconds: dict[Path, list[float]] = {page: [], empty: []}
        for _ in range(asked.rounds):
            for one, found in seconds.items():
                found.append(opened(one, place))
        size = page.stat().st_size / 1e6
    title, _, rest = (__doc__ or "").partition("\n\n")
    text = "\n".join(
        [
            f"# {title.rstrip('.')}", "", rest.rstrip(), "",
            f"{datetime.date.today()}, {machine()}, load average {os.getloadavg()[1]:.1f}, {asked.rounds} rounds.", "",
            "| page | median ms | spread ms |", "| --- | --- | --- |",
            f"| {asked.cases} cases, {pictures} pictures, {size:.1f} MB | {figures(seconds[page])} |",
            f"| empty | {figures(seconds[empty])} |", "",
        ]
    )  # fmt: skip
    print(text)
    if asked.output is not None:
        asked.output.write_text(text, encoding="utf-8")


def write_page(run: Path, copy: Path, cases: int, data_root: str | None) -> tuple[Path, int]:
    """Write the page of a copy of a run whose cases are repeated; returns it and how many cases it shows."""
    shutil.copytree(run, copy)
    pictures, reason = pictures_again(copy, Registry.discover(), data_root)
    if reason:
        print(f"no pictures: {reason}", file=sys.stderr)
    with (copy / "cases.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    names = list(dict.fromkeys(row["case"] for row in rows))
    again = {name: [name] + [f"{name}-{turn}" for turn in range(2, cases // len(names) + 2)] for name in names}
    kept = set([name for turn in zip(*again.values(), strict=True) for name in turn][:cases])
    with (copy / "cases.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows({**row, "case": name} for row in rows for name in again[row["case"]] if name in kept)
    return write_report(copy, pictures), len(pictures)


def opened(page: Path, place: Path) -> float:
    """Return the milliseconds that a new browser takes for a page."""
    assert BROWSER is not None
    harness = place / "harness.html"
    content = json.dumps(page.read_text(encoding="utf-8")).replace("</", "<\\/")
    harness.write_text(HARNESS.replace("PAGE", content), encoding="utf-8")
    command = [BROWSER, *OPTIONS, f"--user-data-dir={place / 'profile'}", "--dump-dom"]
    done = subprocess.run([*command, harness.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'<pre id="result">([\d.]+) \d+</pre>', done.stdout)
    if found is None:
        raise SystemExit(f"{page.name} did not open")
    return float(found[1])


def figures(milliseconds: list[float]) -> str:
    """Median and spread as cells of a table."""
    return f"{statistics.median(milliseconds):.0f} | {min(milliseconds):.0f} to {max(milliseconds):.0f}"


if __name__ == "__main__":
    main()

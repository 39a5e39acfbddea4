"""A run directory from a stranger: what is wrong with it is a sentence; nothing outside is read, written or run."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from hostile_directory import INDEX, attack

from segkit.data.label_png import read_labels
from segkit.errors import SegkitError, UnusableFileError
from segkit.files import write_json
from segkit.jobs.compare.runs import read_compared_run
from segkit.report.explanations import explanations_section
from segkit.report.figures import figures_of
from segkit.report.html import render
from segkit.rundir.listing import find_runs
from segkit.rundir.read import read_environment, read_record

CANARY = b"the reader's own file"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8) + b"\0\0\0\x01\0\0\0\x01" + bytes(9)
FOUND = (9673,)
"""Seeds that ended as an internal error once."""
STARTED: list[str] = []
_spec = importlib.util.spec_from_file_location("drawn", Path(__file__).resolve().parents[1] / "report" / "conftest.py")
_drawn = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_drawn)


def watch(event: str, args: tuple) -> None:
    """Note every program that is started."""
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
        STARTED.append(f"{event} {args[:1]}")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A right run directory, without a model and pictures."""
    run = _drawn.write_run(tmp_path_factory.mktemp("whole") / "run", cases=4, epochs=2, classes=("lesion", "hair"))
    write_json(run / "profile.json", {"parts": {"train": {"seconds": 2.0, "share": 0.5}}})
    evidence = {"words": ["fair"], "reference": {"auroc": 0.5}}
    names = {"explainer": "glow", "target": "predicted:lesion", "layer": "last", "status": "ok"}
    one = {**names, "notes": {"head": "1x1"}, "evidence": evidence}
    entry = {
        "case": "ISIC_0000000",
        "label": "worst",
        "score": 0.1,
        "score_name": "dice",
        "panel": "a.png",
        "maps": [one],
    }
    (run / "explanations").mkdir()
    (run / "explanations" / "a.png").write_bytes(PNG)
    write_json(run / INDEX, {"format": 1, "explained": [entry]})
    return run


def used(run: Path) -> str:
    """Use a directory as `runs`, `report`, `compare`, and a resume do; return the page."""
    (listed,) = find_runs(run) or [None]
    assert listed is None or "internal" not in listed.details
    read_environment(run / "environment.json")
    record = read_record(run, anonymous=run.name.endswith("1"))
    read_compared_run(run)
    explained = explanations_section(run, record)
    with figures_of(run) as figures:
        figures.write(f"distribution-{record.main_metric}", PNG)
    return render(record, [], [], [], [explained] if explained else [])


def survive(whole: Path, place: Path, seeds: Iterable[int]) -> Counter:
    """Attack copies of a directory; return how many were right and how many refused."""
    sys.addaudithook(watch)
    outcomes: Counter = Counter()
    for seed in seeds:
        home = place / str(seed)
        (home / "outside").mkdir(parents=True)
        (home / "outside" / "canary").write_bytes(CANARY)
        run = home / f"run{seed % 2}"
        shutil.copytree(whole, run)
        attack(run, seed)
        start = time.monotonic()
        try:
            page = used(run)
            outcomes["right"] += 1
            assert page.count("<script") == 1, seed
            assert CANARY.decode() not in page, seed
        except SegkitError as error:
            outcomes["refused" if error.hint and len(str(error)) < 2000 else f"no sentence: {seed}"] += 1
        assert time.monotonic() - start < 10, seed
        assert {path.name: path.read_bytes() for path in (home / "outside").iterdir()} == {"canary": CANARY}, seed
        shutil.rmtree(home)
    assert STARTED == []
    assert outcomes.keys() <= {"right", "refused"}
    return outcomes


def test_right_directories_are_right(whole, tmp_path):
    """What is attacked is read, listed, compared and rendered before it is spoiled."""
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    page = used(run)
    assert all(name in page for name in ("ISIC_0000003", "lesion", "glow", "predicted:lesion"))


def test_directories_of_strangers(whole, tmp_path):
    """Two hundred in every change."""
    outcomes = survive(whole, tmp_path, [*range(200), *FOUND])
    assert min(outcomes["right"], outcomes["refused"]) > 15, outcomes


@pytest.mark.full
def test_ten_thousand_directories_of_strangers(whole, tmp_path):
    """As many as are asked for with SEGKIT_ATTACKS."""
    outcomes = survive(whole, tmp_path, range(1000, 1000 + int(os.environ.get("SEGKIT_ATTACKS", "10000"))))
    print(dict(outcomes))


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n"


@pytest.mark.parametrize("content", [EPS, b"8BPS", b"P6"])
def test_programs_called_pictures_are_not_started(tmp_path, content):
    """An EPS under the name of a PNG never reaches Ghostscript; forms that are not read are not tried."""
    sys.addaudithook(watch)
    path = tmp_path / "c01.png"
    path.write_bytes(content)
    with pytest.raises(UnusableFileError, match="is not a"):
        read_labels(path)
    assert STARTED == []

"""`segkit explain` and `segkit run --explain`, on the toy plugin with an explainer of its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from segkit.cli.main import main
from segkit.config import Layer
from segkit.discovery import Registry
from segkit.engine.progress import Progress
from segkit.errors import UsageError
from segkit.explain import read_explanation
from segkit.jobs.run import run_job
from segkit.planning.plan import make_plan
from segkit.rundir.read import read_explained

SETTINGS = {
    "components.arch": "net",
    "components.data": "squares",
    "components.explainers": ("glow",),
    "run.device": "cpu",
    "train.epochs": 1,
    "explain.layer": "0",
    "explain.steps": 2,
    "explain.seeds": 1,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the toy job, explained."""
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("explained")
        patch.setenv("SEGKIT_CACHE", str(place / "cache"))
        patch.chdir(place)
        run_job(make_plan([Layer("flag", SETTINGS)], toy(patch), {}), place / "run", Progress())
    return place / "run"


def toy(patch: pytest.MonkeyPatch) -> Registry:
    """The toy plugin alone."""
    from importlib.metadata import EntryPoint

    from segkit.declarations.installed import Plugin

    patch.syspath_prepend(str(Path(__file__).parents[1] / "toy"))
    registry = Registry()
    registry.add(Plugin("segkit-toy", "1.0", EntryPoint("toy", "segkit_toy", "segkit")))
    assert not registry.failed
    return registry


@pytest.fixture
def segkit(run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Run the command beside the toy plugin; returns exit code, stdout and stderr."""
    registry = toy(monkeypatch)
    monkeypatch.setenv("SEGKIT_CACHE", str(run.parent / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("segkit.cli.registry.load_registry", lambda: registry)

    def call(*args: str):
        done = CliRunner().invoke(main, ["explain", *args])
        return done.exit_code, done.stdout, done.stderr

    return call


def test_a_run_explains_its_worst_median_and_best_case(run):
    """Maps, pictures, an index and the page's part; the summary has the seconds."""
    index = read_explained(run / "explanations" / "index.json")
    assert [entry["label"] for entry in index] == ["worst", "median", "best"]
    scores = [entry["score"] for entry in index]
    assert scores == sorted(scores)
    for entry in index:
        (found,) = entry["maps"]
        explanation = read_explanation(run / "explanations" / found["file"])
        assert explanation.meta["explainer"] == "segkit-toy:glow"
        assert explanation.meta["layer"] == "0"
        assert explanation.evidence["words"]
        with Image.open(run / "explanations" / entry["panel"]) as panel:
            assert panel.width > panel.height
    page = (run / "report.html").read_text()
    assert 'id="explanations"' in page
    assert "generated sample" in page
    assert json.loads((run / "summary.json").read_text())["seconds"]["explain"] > 0
    assert 'explainers = ["segkit-toy:glow"]' in (run / "config.toml").read_text()


def test_scored_cases_by_rank_and_id(run, segkit):
    """Settings of the run count where nothing else is said; one line per map, and where the picture is."""
    code, out, err = segkit(str(run), "--case", "best:2", "--no-evidence", "--target", "fp:class-1")
    assert code == 0, err
    lines = out.splitlines()
    assert [line.split("\t")[1:4] for line in lines[:2]] == [["glow", "fp:class-1", "0"]] * 2
    assert lines[2].startswith("picture: ")
    index = read_explained(run / "explanations" / "index.json")
    assert {entry["panel"].rpartition("/")[2] for entry in index} == {"panel-predicted.png", "panel-fp.png"}


def test_one_bad_file_keeps_no_other_from_being_explained(run, segkit):
    """Names that differ behind the first dot give results each; a file that cannot be read is told, exit code 1."""
    generator = np.random.default_rng(0)
    for name in ("a.x.png", "a.y.png", "b.png"):
        Image.fromarray(generator.integers(0, 255, (40, 30, 3), dtype=np.uint8)).save(name)
    Path("b.png").write_bytes(b"no picture")
    code, out, err = segkit(str(run), "a.x.png", "b.png", "a.y.png", "--explainer", "glow", "--no-evidence", "--json")
    assert code == 1
    assert [record["case"] for record in json.loads(out)] == ["a.x", "a.y"]
    assert "error: b.png is not a JPEG" in err
    assert "1 of 3 images could not be explained" in err


def test_image_files_and_their_masks(run, segkit, tmp_path):
    """A photograph, with a black and white mask as its reference."""
    generator = np.random.default_rng(0)
    Image.fromarray(generator.integers(0, 255, (40, 30, 3), dtype=np.uint8)).save("photo.png")
    mask = np.zeros((40, 30), np.uint8)
    mask[5:20, 5:20] = 255
    Image.fromarray(mask).save("mask.png")
    code, out, err = segkit(str(run), "photo.png", "--explainer", "glow", "--mask", "mask.png", "--json")
    assert code == 0, err
    (record,) = json.loads(out)
    assert record["case"] == "photo"
    assert record["maps"][0]["evidence"]["reference"].keys() == {"auroc", "energy", "pointing"}
    assert read_explanation(Path("explanations") / record["maps"][0]["file"]).heat.shape == (40, 30)


@pytest.mark.parametrize(
    ("args", "said", "expected"),
    [
        (("RUN", "--case", "gone"), "no case 'gone' among the 3 scored ones", 2),
        (("RUN", "--target", "fq"), "did you mean 'fp'", 2),
        (("RUN", "--target", "fp:class-9"), "did you mean 'class-1'", 2),
        (("RUN", "--layer", "9"), "layer '9' is not in this model", 2),
        (("RUN", "--explainer", "glwo"), "did you mean 'glow'", 2),
        (("RUN", "--set", "explain.stepz=3"), "did you mean 'steps'", 2),
        (("RUN", "--baseline", "blurr"), "did you mean 'blur'", 2),
        (("RUN", "photo.png", "--case", "worst"), "both given", 2),
        (("RUN", "--mask", "mask.png"), "mask of one IMAGE", 2),
        (("RUN", "gone.png"), "gone.png", 1),
        (("nowhere",), "nowhere does not exist", 1),
    ],
)
def test_bad_input_is_one_line(run, segkit, args, said, expected):
    """What is wrong and the way out; no traceback, nothing written."""
    code, out, err = segkit(*(str(run) if arg == "RUN" else arg for arg in args))
    assert code == expected
    assert said in err
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"explain.layer": "9"}, "explain.layer: layer '9' is not in this model"),
        ({"explain.target": "fp:nothing"}, "no class 'nothing'"),
        ({"explain.cases": ("case-9",)}, "no case 'case-9'"),
        ({"components.explainers": ("glow", "glow")}, "named twice"),
        ({"explainer.glow.power": "99"}, "out of range"),
    ],
)
def test_a_run_refuses_before_it_trains(monkeypatch, tmp_path, values, said):
    """A layer, target, case or param that cannot be meant."""
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    with pytest.raises(UsageError, match=said):
        run_job(make_plan([Layer("flag", SETTINGS | values)], toy(monkeypatch), {}), tmp_path / "run", Progress())
    assert not (tmp_path / "run").exists()


def test_none_leaves_explanations_out(monkeypatch, tmp_path):
    """--explain none, whatever a recipe says."""
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    plan = make_plan([Layer("flag", SETTINGS | {"components.explainers": "none"})], toy(monkeypatch), {})
    assert plan.explainers == ()
    assert plan.config.components.explainers == ()

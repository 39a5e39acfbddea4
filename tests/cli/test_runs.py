"""`segkit runs`: every state a directory can be in, in one list, and nothing that stops it."""

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from segkit.cli import main


def runs(*args: str) -> Result:
    """Call `segkit runs ARGS` in this process."""
    return CliRunner().invoke(main, ["runs", *args])


def by_folder(*args: str) -> dict[str, dict]:
    """The JSON list by folder name."""
    return {Path(run["folder"]).name: run for run in json.loads(runs(*args, "--json").stdout)}


@pytest.fixture
def five(trained_toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in every state below `runs`, one of them deep down."""
    monkeypatch.chdir(tmp_path)
    for name in ("good", "trained", "half", "gone", "lost", "deep/down/again"):
        shutil.copytree(trained_toy, f"runs/{name}")
    for name in ("good", "deep/down/again"):
        Path(f"runs/{name}/report.html").touch()
    for name in ("trained", "half", "gone"):
        Path(f"runs/{name}/summary.json").unlink()
        Path(f"runs/{name}/last").mkdir()
        Path(f"runs/{name}/last/state.safetensors").touch()
    Path("runs/gone/model.safetensors").unlink()
    Path("runs/gone/last/state.safetensors").unlink()
    Path("runs/half/model.safetensors").unlink()
    lines = Path("runs/half/history.jsonl").read_text().splitlines(keepends=True)
    Path("runs/half/history.jsonl").write_text("".join(lines[:4]))
    Path("runs/lost/model.safetensors").unlink()
    for name, text in {"spoiled": "{", "strange": "[]", "odd": '{"scores": [{}], "main_metric": "x"}'}.items():
        Path(f"runs/{name}").mkdir()
        Path(f"runs/{name}/summary.json").write_text(text)
    Path("runs/no-run").mkdir()
    Path("runs/no-run/notes.txt").touch()


def test_every_state_is_told(five) -> None:
    """Finished, trained, unfinished with its epochs, and broken in five ways, each with its reason; exit code 0."""
    found = by_folder()
    states = {name: run["state"] for name, run in found.items()}
    broken = dict.fromkeys(("gone", "lost", "spoiled", "strange", "odd"), "broken")
    assert states == {
        "good": "finished", "again": "finished", "trained": "trained", "half": "unfinished", **broken
    }  # fmt: skip
    assert found["half"]["details"] == "4 of 15 epochs"
    assert found["gone"]["details"] == "15 of 15 epochs were trained, and last/state.safetensors is missing"
    assert "model.safetensors is missing" in found["lost"]["details"]
    result = runs()
    assert result.exit_code == 0
    assert sum(line.startswith("warning: ") for line in result.stderr.splitlines()) == len(broken)


def test_the_score_is_the_summary_s(five) -> None:
    """Mean and interval of the main metric, of the split that was scored; made of what the config says."""
    summary = json.loads(Path("runs/good/summary.json").read_text())
    row = summary["scores"][0]
    run = by_folder()["good"]
    assert run["score"] == {
        "metric": row["metric"],
        "mean": row["mean"],
        "low": row["ci_low"],
        "high": row["ci_high"],
        "cases": row["n"],
        "split": "test",
        "missed": row["n_missed"],
    }
    assert run["components"] == {"arch": "net", "data": "squares", "loss": "bernoulli"}
    assert run["generated_sample"] is True
    cells = next(line for line in runs().stdout.splitlines() if line.startswith("runs/good\t")).split("\t")
    assert cells[2:7] == ["net", "squares", "bernoulli", row["metric"], str(row["mean"])]


def test_a_run_under_way_tells_generated_data_by_its_config(five) -> None:
    """Whatever its folder is called: a root that is pinned is real, none is a generated sample."""
    assert by_folder()["half"]["generated_sample"] is True
    Path("runs/half").rename("runs/on-a-generated-sample")
    config = Path("runs/on-a-generated-sample/config.toml")
    config.write_text(config.read_text().replace('root = "none"', 'root = "/data"'))
    assert by_folder()["on-a-generated-sample"]["generated_sample"] is False


def test_the_newest_comes_first(five) -> None:
    """By the time of the last change, whatever the names."""
    for name in ("config.toml", "summary.json", "model.safetensors", "history.jsonl"):
        os.utime(f"runs/good/{name}", (1_900_000_000, 1_900_000_000))
        os.utime(f"runs/deep/down/again/{name}", (1_000_000_000, 1_000_000_000))
    order = [Path(run["folder"]).name for run in json.loads(runs("--json").stdout)]
    assert (order[0], order[-1]) == ("good", "again")
    assert json.loads(runs("--json").stdout)[0]["when"].startswith("2030-03-17")


def test_a_run_itself_and_evaluations(five) -> None:
    """A run directory may be named; what was scored besides is listed with it."""
    Path("runs/good/scores/squares-val").mkdir(parents=True)
    shutil.copy("runs/good/summary.json", "runs/good/scores/squares-val")
    (run,) = json.loads(runs("runs/good", "--json").stdout)
    assert run["evaluations"]["scores/squares-val"] == run["score"]
    shown = runs("runs/good", "runs/half").stdout.splitlines()
    assert [line.split("\t")[0] for line in shown] == ["runs/good", "runs/half"]


def test_scores_of_a_model_elsewhere_are_no_broken_run(five, trained_toy: Path) -> None:
    """A folder that `segkit evaluate --output` wrote is listed as scores, and cannot be gone on with."""
    Path("runs/scored").mkdir()
    for name in ("config.toml", "cases.csv"):
        shutil.copy(trained_toy / name, "runs/scored")
    summary = json.loads((trained_toy / "summary.json").read_text())
    summary.pop("finished")
    Path("runs/scored/summary.json").write_text(json.dumps({**summary, "model_dataset": "squares"}))
    found = by_folder("runs/scored")["scored"]
    assert (found["state"], found["details"]) == ("scores", "of a model that lies elsewhere")
    assert found["score"]["mean"] is not None
    assert runs("runs/scored").stderr == ""
    result = CliRunner().invoke(main, ["run", "--resume", "runs/scored"])
    assert result.exit_code == 1
    assert "runs/scored is scores and cannot be resumed" in result.stderr
    assert not (Path("runs/scored") / "last").exists()


def test_no_runs_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ./runs the list is empty and says how to make one; a folder that was named has to be there."""
    monkeypatch.chdir(tmp_path)
    result = runs()
    assert (result.exit_code, result.stdout) == (0, "")
    assert "make one with: segkit run" in result.stderr
    missing = runs("elsewhere")
    assert missing.exit_code == 1
    assert missing.stderr.startswith("error: elsewhere is no folder")

"""`segkit run`: options, exit codes, what is printed where."""

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from segkit.cli import main
from segkit.discovery import Registry


@pytest.fixture
def segkit_run(toy_registry: Registry, monkeypatch: pytest.MonkeyPatch):
    """Call `segkit run ARGS` in this process with the toy plugin alone."""
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **_: toy_registry))
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)

    def call(*args: str) -> Result:
        return CliRunner().invoke(main, ["run", *args])

    return call


TOY = ("--arch", "net", "--data", "squares", "--epochs", "1", "--device", "cpu")


def test_results_on_stdout_the_rest_on_stderr(segkit_run) -> None:
    """Scores and the report's place on stdout; data root first, then the notice and one line per epoch, on stderr."""
    result = segkit_run(*TOY)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split("\t")[:3] == ["metric", "class", "mean"]
    assert lines[1].startswith("overlap (mean over cases, offset=0.0)\tclass-1\t")
    assert lines[-1] == f"report: {Path('runs/net-squares-generated-sample/report.html')}"
    said = result.stderr.splitlines()
    assert next(line for line in said if not line.startswith("generating")).startswith("data: ")
    assert any(line.startswith("GENERATED SAMPLE") for line in said)
    assert sum(line.startswith("epoch 1/1  loss ") for line in said) == 1


def test_json_is_the_summary(segkit_run) -> None:
    """--json prints what summary.json holds, and nothing else."""
    result = segkit_run(*TOY, "--json", "--output", "out")
    assert json.loads(result.stdout) == json.loads(Path("out/summary.json").read_text())


def test_every_option_reaches_its_field(segkit_run) -> None:
    """Each option is in the config with the option as its source."""
    options = {
        "--loss": ("bernoulli", "components.loss", "segkit-toy:bernoulli"),
        "--metric": ("overlap", "components.metrics", ["segkit-toy:overlap"]),
        "--explain": ("none", "components.explainers", []),
        "--size": ("16x24", "data.size", [16, 24]),
        "--batch-size": ("3", "train.batch_size", 3),
        "--lr": ("0.01", "train.learning_rate", 0.01),
        "--optimizer": ("adam", "train.optimizer", "adam"),
        "--seed": ("5", "run.seed", 5),
        "--workers": ("0", "run.workers", 0),
        "--name": ("mine", "run.name", "mine-generated-sample"),
        "--set": ("train.weight_decay=0.25", "train.weight_decay", 0.25),
    }
    flags = [text for option, (value, _, _) in options.items() for text in (option, value)]
    result = segkit_run(*TOY, *flags, "--output", "out")
    assert result.exit_code == 0, result.output
    text = Path("out/config.toml").read_text()
    tables = tomllib.loads(text)
    for option, (_, dotted, expected) in options.items():
        section, _, name = dotted.partition(".")
        assert tables[section][name] == expected, option
        (line,) = [line for line in text.splitlines() if line.startswith(f"{name} =")]
        assert line.endswith(f"# {option}"), line


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ((), 2, "no arch was named"),
        (("--arch", "nett", "--data", "squares"), 2, "did you mean 'net'"),
        (("--arch", "net", "--data", "cubes"), 2, "built for 2D"),
        ((*TOY, "--epochs", "many"), 2, "--epochs"),
        ((*TOY, "--set", "arch.width=1000"), 2, "out of range"),
        ((*TOY, "--set", "arch.widht=4"), 2, "did you mean 'width'"),
        ((*TOY, "--explain", "grad-cam"), 2, "no explainer named"),
        ((*TOY, "--device", "tpu"), 2, "--device"),
        ((*TOY, "--size", "16x16x16"), 2, "--size"),
        ((*TOY, "--data-root", "nowhere"), 1, "nowhere"),
        ((*TOY, "--config", "nowhere.toml"), 1, "nowhere.toml does not exist"),
        ((*TOY, "--output", "."), 1, "already holds something"),
        (("--epoch", "3"), 2, "--epochs"),
    ],
)
def test_bad_input_is_one_line_and_an_exit_code(segkit_run, args: tuple[str, ...], code: int, said: str) -> None:
    """Usage errors exit with 2, bad input with 1, each in one line without a traceback, and no run is left behind."""
    Path("something").touch()
    result = segkit_run(*args)
    assert result.exit_code == code
    errors = [line for line in result.stderr.splitlines() if line.lower().startswith("error")]
    assert len(errors) == 1
    assert said in errors[0]
    assert "Traceback" not in result.output
    assert not Path("runs").exists()


def test_dry_run_shows_where_settings_come_from(toy_run: Path) -> None:
    """Every setting with its source, and nothing is written; the same as JSON."""
    args = ["run", "--arch", "net", "--data", "squares", "--epochs", "3", "--dry-run"]
    shown = CliRunner().invoke(main, args)
    assert shown.exit_code == 0, shown.output
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in shown.stdout.splitlines()}
    assert rows["train.epochs"] == ["3", "--epochs"]
    assert rows["components.loss"][1] == "recipe of squares"
    assert rows["train.accumulate"] == ["1", "core default"]
    told = json.loads(CliRunner().invoke(main, [*args, "--json"]).stdout)
    assert told["train.epochs"] == {"value": 3, "from": "--epochs"}
    assert told.keys() == rows.keys()
    assert not Path("runs").exists()


def test_help_shows_what_holds_where_nobody_says_otherwise() -> None:
    """Defaults of the core in brackets, and that a recipe goes before them."""
    text = " ".join(CliRunner().invoke(main, ["run", "--help"]).stdout.split())
    assert "Passes over the training split. [20]" in text
    assert "Seed of weights, order and augmentation. [0]" in text
    assert "Working size. [the recipe's]" in text
    assert "The dataset's recipe and the architecture's presets go before it" in text


@pytest.mark.parametrize(("code", "told"), [(0, ""), (1, "warning: no browser could be started")])
def test_open_shows_the_page(monkeypatch: pytest.MonkeyPatch, capsys, code: int, told: str) -> None:
    """The page is opened; where no browser starts, that is a warning, for the work is done."""
    from segkit.cli.run import open_page

    seen: list[str] = []
    monkeypatch.setattr("click.launch", lambda page: seen.append(page) or code)
    open_page(Path("run/report.html"))
    assert seen == ["run/report.html"]
    assert capsys.readouterr().err.startswith(told)

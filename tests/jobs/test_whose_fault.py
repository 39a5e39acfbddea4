"""Every place where a stranger's code is called: what it raises there is told as its own, no internal error."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from segkit.cli import strangers
from segkit.cli.main import main
from segkit.declarations.installed import Plugin
from segkit.discovery import Registry

DECLARED = '''
from dataclasses import dataclass
import segkit

@dataclass(frozen=True)
class At:
    """Where it fails."""

    at: str = segkit.param("", "The method that fails.")
    classes: int = segkit.param(1, "Number of classes.")
    cases: int = segkit.param(4, "Cases to train on.")
    val: bool = segkit.param(True, "With a split to validate on.")
    test: bool = segkit.param(True, "With a split to test on.")
    huge: bool = segkit.param(False, "A bug of the author's own.")

    def __post_init__(self):
        if self.huge:
            {}["ink"]

HERE = "stranger_code:"

@segkit.hookimpl
def segkit_architectures():
    about = {"summary": "Odd.", "params": At}
    return [
        segkit.Architecture(name="odd-net", factory=HERE + "net", **about),
        segkit.Architecture(name="odd-layers", factory=HERE + "net", layers=HERE + "raises_at_once", **about),
        segkit.Architecture(name="odd-offers", factory=HERE + "net", offers=HERE + "raises_at_once", **about),
        segkit.Architecture(name="odd-settings", factory=HERE + "net", settings=HERE + "raises_at_once", **about),
    ]

@segkit.hookimpl
def segkit_datasets():
    return [segkit.Dataset(name="odd-data", factory=HERE + "Reader", summary="Odd.", params=At)]

@segkit.hookimpl
def segkit_losses():
    return [
        segkit.Loss(name="built", factory=HERE + "raises_at_once", summary="Odd."),
        segkit.Loss(name="called", factory=HERE + "raises_later", summary="Odd."),
        segkit.Loss(
            name="mapped", factory=HERE + "loss", case_map=HERE + "raises_at_once", asks=("map",), summary="Odd."
        ),
    ]

@segkit.hookimpl
def segkit_metrics():
    measure = "segkit_toy:measure"
    return [
        segkit.Metric(name="built", measure=measure, factory=HERE + "raises_at_once", summary="Odd."),
        segkit.Metric(name="scored", measure=measure, factory=HERE + "raises_later", summary="Odd."),
        segkit.Metric(name="measured", measure=HERE + "raises_at_once", factory=HERE + "raises_later", summary="Odd."),
    ]

@segkit.hookimpl
def segkit_explainers():
    about = {"summary": "Odd.", "layered": False}
    return [
        segkit.Explainer(name="built", factory=HERE + "raises_at_once", **about),
        segkit.Explainer(name="called", factory=HERE + "raises_later", **about),
        segkit.Explainer(name="unsure", factory=HERE + "raises_later", map="uncertainty", **about),
        segkit.Explainer(name="needs-dropout", factory=HERE + "raises_later", needs=("dropout",), **about),
    ]

@segkit.hookimpl
def segkit_parts():
    kinds = {
        "optimizer": segkit.Optimizer, "schedule": segkit.Schedule, "augmentation": segkit.Augmentation,
        "normalization": segkit.Normalization, "sampler": segkit.Sampler, "postprocess": segkit.PostProcessing,
    }
    parts = [segkit.Optimizer(name="stepping", factory=HERE + "stepping", summary="Odd.")]
    for kind in kinds.values():
        parts += [
            kind(name="built", factory=HERE + "raises_at_once", summary="Odd."),
            kind(name="called", factory=HERE + "raises_later", summary="Odd."),
        ]
    exporter = {"suffix": ".odd", "summary": "Odd."}
    return [
        *parts,
        segkit.Exporter(name="odd-built", factory=HERE + "raises_at_once", **exporter),
        segkit.Exporter(name="odd-called", factory=HERE + "raises_later", **exporter),
    ]

@segkit.hookimpl
def segkit_commands():
    return {"odd-command": "stranger_code:command", "leaving": "stranger_code:leaving"}
'''
CODE = '''
import sys
import click
import segkit_toy

def raises_at_once(*args, **kwargs):
    raise KeyError("ink")

def raises_later(*args, **kwargs):
    return raises_at_once

def loss(task, params):
    return lambda logits, mask, map: logits.flatten(1).mean(1)

@click.command()
def command():
    """Fail."""
    raises_at_once()

@click.command()
def leaving():
    """Leave in the middle."""
    sys.exit(3)

def net(task, params):
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution = nn.Conv2d(task.in_channels, task.out_channels, 1)

        def forward(self, x):
            if params.at == ("train" if self.training else "eval"):
                raise KeyError("ink")
            if params.at == "leave":
                sys.exit("gone")
            return self.convolution(x)

    if params.at == "build":
        raise KeyError("ink")
    return Net()

def stepping(groups, params):
    import torch

    class Stepping(torch.optim.SGD):
        def step(self, closure=None):
            raise KeyError("ink")

    return Stepping(groups, lr=0.1)

class Reader(segkit_toy.Squares):
    def __init__(self, root, params):
        super().__init__(root, params)
        self.fail("init")
        if params.at == "recipe":
            self.recipe = {**self.recipe, "train.epochs": 1 / 1}

    def fail(self, place):
        if self.params.at == place:
            raise KeyError("ink")

    @classmethod
    def download(cls, root, params, progress):
        raise KeyError("ink")

    @classmethod
    def make_sample(cls, root, params):
        if params.at == "make_sample":
            raise KeyError("ink")
        super().make_sample(root, params)

    def cases(self, split):
        self.fail("cases")
        return super().cases(split)

    def read(self, case):
        self.fail("read")
        return super().read(case)

    def verify(self, progress=None):
        self.fail("verify")
        return super().verify(progress)

    def describe(self):
        self.fail("describe")
        return []

    def remarks(self):
        self.fail("remarks")
        return []
'''
TOY = ("run", "--device", "cpu", "--epochs", "1", "--set", "data.cases=4")
RUNS = {
    "arch params": ("--arch", "odd-net", "--set", "arch.huge=true"),
    "arch build": ("--arch", "odd-net", "--set", "arch.at=build"),
    "arch train": ("--arch", "odd-net", "--set", "arch.at=train"),
    "arch eval": ("--arch", "odd-net", "--set", "arch.at=eval"),
    "arch layers": ("--arch", "odd-layers", "--explain", "glow"),
    "arch offers": ("--arch", "odd-offers", "--explain", "needs-dropout"),
    "arch settings": ("--arch", "odd-settings"),
    "loss built": ("--loss", "built"),
    "loss called": ("--loss", "called"),
    "loss map": ("--loss", "mapped"),
    "metric built": ("--metric", "built"),
    "metric scored": ("--metric", "scored"),
    "metric measured": ("--metric", "measured"),
    "explainer built": ("--explain", "built"),
    "optimizer built": ("--set", "train.optimizer=built"),
    "optimizer step": ("--set", "train.optimizer=stepping"),
    "schedule built": ("--set", "train.schedule=built"),
    "schedule called": ("--set", "train.schedule=called", "--set", "train.warmup=0"),
    "augmentation built": ("--set", "augment.further=built"),
    "augmentation called": ("--set", "augment.further=called"),
    "normalization built": ("--set", "data.normalization=built"),
    "normalization called": ("--set", "data.normalization=called"),
    "sampler built": ("--set", "data.sampler=built"),
    "sampler called": ("--set", "data.sampler=called"),
    "postprocess built": ("--set", "evaluate.postprocess=built"),
    "postprocess called": ("--set", "evaluate.postprocess=called"),
    **{
        f"data {place}": ("--data", "odd-data", "--set", f"data.at={place}")
        for place in ("init", "make_sample", "cases", "read", "remarks")
    },
    "data params": ("--data", "odd-data", "--set", "data.huge=true"),
}


@pytest.fixture
def installed(toy_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """The toy plugin and a stranger's whose code fails wherever it is called."""
    for name, text in {"stranger": DECLARED, "stranger_code": CODE}.items():
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    toy_registry.add(Plugin("segkit-stranger", "0.3", EntryPoint("stranger", "stranger", "segkit")))
    assert not toy_registry.failed, toy_registry.failed[0].reason
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **_: toy_registry))
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda folder, *_, **__: (folder / "report.html").touch())
    strangers.registry.cache_clear()
    return toy_registry


def invoke(*args: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(main, args)


def run(*args: str) -> Result:
    """Run the toy job."""
    usual = [] if "--explain" in args else ["--set", "components.explainers=none"]
    arch = [] if "--arch" in args else ["--arch", "net"]
    data = [] if "--data" in args else ["--data", "squares"]
    return invoke(*TOY, *arch, *data, *usual, *args)


def told(result: Result, component: str = "") -> None:
    """The error is told as the stranger's."""
    assert result.exit_code == 1, (result.exit_code, result.output)
    assert "internal error" not in result.stderr
    assert "Traceback" not in result.stderr
    assert "segkit-stranger" in result.stderr, result.stderr
    assert "author" in result.stderr
    assert "ink" in result.stderr
    assert component in result.stderr


@pytest.mark.parametrize("name", RUNS)
def test_a_run_says_whose_code_failed(installed: Registry, name: str) -> None:
    """Each hook of a run, built and called: plugin, what was raised, and the way to its author."""
    told(run(*RUNS[name]))


@pytest.mark.parametrize("name", ["called", "unsure"])
def test_an_explainer_that_fails_costs_no_run(installed: Registry, name: str) -> None:
    """The run ends well and says whose explainer gave nothing."""
    result = run("--explain", name)
    assert result.exit_code == 0, result.stderr
    assert f"segkit-stranger:{name} failed: KeyError: 'ink'" in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("data", "download", "odd-data", "--data-root", "there"),
        ("data", "verify", "odd-data", "--data-root", "made", "--set", "data.at=verify"),
        ("data", "info", "odd-data", "--data-root", "made", "--set", "data.at=describe"),
        ("data", "info", "odd-data", "--data-root", "made", "--set", "data.at=cases"),
        ("odd-command",),
    ],
)
def test_other_commands_say_so_too(installed: Registry, args: tuple[str, ...]) -> None:
    """Download, verify, what a reader says of itself, and subcommands."""
    import segkit_toy

    if "made" in args:
        component = installed.find("data", "odd-data").component
        segkit_toy.Squares.make_sample(Path("made"), component.params())
    told(invoke(*args))


def test_exporters_say_so_too(installed: Registry) -> None:
    """Built and called, and nothing is left where the file would be."""
    assert run("--output", "done").exit_code == 0
    for name in ("odd-built", "odd-called"):
        told(invoke("export", "done", "--to", name))
    assert not list(Path("done").glob("*.odd"))


def test_leaving_in_the_middle_is_a_failure(installed: Registry) -> None:
    """sys.exit in a stranger's network would end the run without a word, or with exit code 0."""
    result = run("--arch", "odd-net", "--set", "arch.at=leave")
    assert result.exit_code == 1
    assert "plugin segkit-stranger 0.3" in result.stderr
    assert "SystemExit: gone" in result.stderr


def test_a_subcommand_may_leave_as_it_likes(installed: Registry) -> None:
    """Its exit code is its own."""
    assert invoke("leaving").exit_code == 3

"""From options to settings: one table for all commands."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from segkit.config import Layer

FLAG_FIELDS = {
    "arch": "components.arch",
    "data": "components.data",
    "loss": "components.loss",
    "metric": "components.metrics",
    "explain": "components.explainers",
    "explainer": "components.explainers",
    "data_root": "data.root",
    "size": "data.size",
    "epochs": "train.epochs",
    "batch_size": "train.batch_size",
    "learning_rate": "train.learning_rate",
    "optimizer": "train.optimizer",
    "device": "run.device",
    "seed": "run.seed",
    "workers": "run.workers",
    "output": "run.output",
    "name": "run.name",
    "deterministic": "run.deterministic",
    "compile": "run.compile",
    "profile": "run.profile",
    "from_classes": "start.classes",
    "split": "evaluate.split",
    "tta": "evaluate.mirror",
    "case": "explain.cases",
    "target": "explain.target",
    "layer": "explain.layer",
    "evidence": "explain.evidence",
    "baseline": "explain.baseline",
}
"""Option -> config field; types and limits are the field's, checked in one place."""
RECIPE = ("loss", "metric", "explain", "size")
"""Options whose value is a recipe's, as the core has none."""
IN_BRACKETS = (
    "In brackets: what holds where nobody says otherwise. The dataset's recipe and the architecture's presets go "
    "before it (segkit info NAME), then --config, SEGKIT_*, and these options; segkit run --dry-run shows what comes "
    "of it, and from where."
)
OPTION_NAMES = {"learning_rate": "--lr"}


class SettingsCommand(click.Command):
    """A command whose help shows what each option's setting is where nobody says it."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, and what the brackets mean."""
        records = [(param, param.get_help_record(ctx)) for param in self.get_params(ctx)]
        with formatter.section("Options"):
            formatter.write_dl([(r[0], r[1] + default_of(param.name or "")) for param, r in records if r is not None])
        formatter.write_paragraph()
        formatter.write_text(IN_BRACKETS)


def default_of(option: str) -> str:
    """Return what holds where an option is not given, in brackets; empty where that is nothing."""
    from segkit import params
    from segkit.settings import SECTIONS

    if option in RECIPE:
        return "  [the recipe's]"
    section, _, name = FLAG_FIELDS.get(option, "").partition(".")
    default = params.describe(SECTIONS[section])[name].default if name else None
    return "" if default in (None, (), "none") or default is False else f"  [{params.show(default)}]"


def flag_layers(options: Mapping[str, Any]) -> list[Layer]:
    """Turn each option that was given into a layer of its own, so that messages and config name the option."""
    from segkit.config import Layer

    given = [(name, as_one(name, value)) for name, value in options.items() if value not in (None, ())]
    return [Layer(option_name(name), {FLAG_FIELDS[name]: value}) for name, value in given]


def as_one(name: str, value: Any) -> Any:
    """Return the value of an option that may be repeated as its setting holds it: several datasets are a sum."""
    between = {"data": " + ", "data_root": os.pathsep}.get(name)
    return between.join(value) if between is not None and isinstance(value, tuple) else value


def option_name(name: str) -> str:
    """What people type: --data-root."""
    return OPTION_NAMES.get(name, f"--{name.replace('_', '-')}")

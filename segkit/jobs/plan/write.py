"""A plan as a config file for `segkit run`, with every reason as a comment."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from segkit.config import FORMAT, toml_value
from segkit.errors import one_line
from segkit.jobs.plan.budget import memory_text, time_text
from segkit.jobs.plan.planned import Planned

WIDTH = 100


def toml_of(planned: Planned) -> str:
    """Return the file's text: what was chosen and what the user had said, table by table."""
    values = {**planned.values, **{name: value for name, value in planned.said.items() if name != "run.output"}}
    reasons = {name: f"{choice.name}: {choice.reason}" for choice in planned.choices for name in choice.values}
    tables: dict[str, list[str]] = {}
    told = ""
    for dotted, value in sorted(values.items()):
        table, _, key = dotted.rpartition(".")
        reason = reasons.get(dotted, "") if dotted not in planned.said else "as you said"
        lines = tables.setdefault(table, [])
        if reason and reason != told:
            lines += comment(reason)
        told = reason
        lines.append(f"{key} = {toml_value(list(value) if isinstance(value, tuple) else value)}")
    head = [*comment("a plan of segkit plan; take it with: segkit run --config FILE"), *comment(forecast_text(planned))]
    for remark in planned.remarks:
        head += comment(f"note: {remark}")
    blocks = ["\n".join([*head, f"format = {FORMAT}"])]
    blocks += [f"[{table}]\n" + "\n".join(lines) for table, lines in tables.items()]
    return "\n\n".join(blocks) + "\n"


def comment(text: str) -> Iterator[str]:
    """Write a sentence as comment lines."""
    yield from (f"# {line}" for line in textwrap.wrap(one_line(text), WIDTH))


def forecast_text(planned: Planned) -> str:
    """What a run of the plan is going to take, in a sentence."""
    forecast = planned.forecast
    return (
        f"about {time_text(forecast.total)} and {memory_text(forecast.memory)}: {forecast.steps:,} steps of "
        f"{time_text(forecast.seconds)}"
    )

"""The process that steps are measured in: `python -m segkit.jobs.plan.child`, a line of JSON for each question."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from segkit.config import Kind, Layer, Origin
from segkit.discovery import Registry
from segkit.errors import SegkitError, UsageError


def main() -> None:
    """Answer questions until there are no more."""
    # What a network prints while it is built must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from segkit.jobs.plan.bench import InProcess

    first = json.loads(sys.stdin.readline())
    given = [layer_of(one) for one in first["given"]]
    bench = InProcess(given, Path(first["scratch"]), Registry.discover())
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer: Any = ask(bench, question)
        except SegkitError as error:
            usage = isinstance(error, UsageError)
            answer = {"error": [error.message, error.hint], "usage": usage}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def ask(bench: Any, question: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one question."""
    if question["ask"] == "machine":
        return asdict(bench.machine(question["settings"]))
    if question["ask"] == "costs":
        return {"costs": bench.costs(question["settings"])}
    return asdict(bench.steps(question["settings"], question["memory"], whole=question["whole"]))


def layer_as_json(layer: Layer) -> dict[str, Any]:
    """Write a layer of settings for the other process."""
    unsaid = {name: [origin.kind.name, origin.source] for name, origin in layer.unsaid.items()}
    return {"source": layer.source, "values": dict(layer.values), "kind": layer.kind.name, "unsaid": unsaid}


def layer_of(told: Mapping[str, Any]) -> Layer:
    """Read what `layer_as_json` wrote."""
    unsaid = {name: Origin(Kind[kind], source) for name, (kind, source) in told["unsaid"].items()}
    return Layer(told["source"], told["values"], Kind[told["kind"]], unsaid)


if __name__ == "__main__":
    main()

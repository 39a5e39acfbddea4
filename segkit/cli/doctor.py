"""`segkit doctor`."""

from __future__ import annotations

import dataclasses
import sys

import click

from segkit.cli import output
from segkit.cli.registry import load_registry


@click.command()
@output.json_option
def doctor(as_json: bool) -> None:
    """Look over the installation: versions, devices, plugins, data, disk; what is wrong and how to mend it.

    Exits with 1 where something is broken.
    """
    from segkit.jobs.doctor import BROKEN, examine

    registry = load_registry()
    findings = list(examine(registry))
    broken = [finding for finding in findings if finding.status == BROKEN]
    if as_json:
        output.print_json({"broken": len(broken), "findings": [dataclasses.asdict(finding) for finding in findings]})
    else:
        rows = []
        for finding in findings:
            mark = finding.status.upper() if finding.status == BROKEN else finding.status
            rows.append((finding.area, finding.name, mark, finding.found, finding.mend))
        output.print_table(("area", "what", "state", "found", "how to mend it"), rows, grouped=True)
    for finding in broken:
        output.complain(f"{finding.name}: {finding.found}; {finding.mend}", prefix="broken")
    if broken:
        sys.exit(1)
    if not as_json and output.for_people():
        output.say("", "nothing is broken")

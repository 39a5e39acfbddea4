"""`segkit doctor`."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING

import click

from segkit.cli import output
from segkit.cli.registry import load_registry

if TYPE_CHECKING:
    from segkit.jobs.doctor import Finding


COLUMNS = ("area", "what", "state", "found", "how to mend it")
STYLES = {"ok": "green", "note": "yellow", "BROKEN": "bold red"}


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
        show(findings)
    for finding in broken:
        output.complain(f"{finding.name}: {finding.found}; {finding.mend}", prefix="broken")
    if broken:
        sys.exit(1)
    if not as_json and output.for_people():
        output.say("nothing is broken")


def show(findings: list[Finding]) -> None:
    """Print findings: for people an area after the other, each as wide as what was found in it asks for."""
    from segkit.jobs.doctor import BROKEN

    rows = [
        (one.area, one.name, one.status.upper() if one.status == BROKEN else one.status, one.found, one.mend)
        for one in findings
    ]
    if not output.for_people():
        output.print_table(COLUMNS, rows)
        return
    for area in dict.fromkeys(row[0] for row in rows):
        output.print_title(area)
        output.print_table(COLUMNS[1:], [row[1:] for row in rows if row[0] == area], styles=STYLES)
        output.say()

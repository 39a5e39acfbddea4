"""What a notebook shows of a run and of a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segkit.report.html import page_environment
from segkit.report.tables import table_rows
from segkit.rundir.names import REPORT


def run_html(folder: Path, summary: Mapping[str, Any]) -> str:
    """Return scores and the way to the report as a piece of HTML; a run that was only trained has none."""
    facts = [("folder", str(folder))]
    if summary:
        facts += [("split", f"{summary['split']}: {summary['split_note']}"), ("weights", str(summary["weights"]))]
    title = str(summary.get("name") or folder.name)
    report = folder / REPORT
    return render_piece(title, facts, summary, report=str(report) if report.is_file() else "")


def model_html(header: Mapping[str, Any]) -> str:
    """Return what a checkpoint's header says of a model as a piece of HTML."""
    named = {item["kind"]: f"{item['name']} {item['version']}" for item in reversed(header["components"])}
    preprocessing = header["preprocessing"]
    facts = [
        ("architecture", named.get("arch", "")),
        ("trained on", named.get("data", "")),
        ("loss", str(header.get("loss") or "")),
        ("classes", ", ".join(header["task"]["classes"])),
        ("mode and size", f"{preprocessing.get('mode')}, {' x '.join(map(str, preprocessing['size']))}"),
        ("weights", str(header.get("weights"))),
    ]
    scores = header.get("scores", {})
    summary = {"scores": scores.get("rows", []), "generated_sample": header.get("generated_sample", False)}
    return render_piece(f"segkit model: {named.get('arch', '')}", facts, summary, split=str(scores.get("split", "")))


def render_piece(
    title: str, facts: list[tuple[str, str]], summary: Mapping[str, Any], *, report: str = "", split: str = ""
) -> str:
    """Fill the template."""
    return (
        page_environment()
        .get_template("notebook.html.j2")
        .render(
            title=title,
            facts=[(name, value) for name, value in facts if value],
            rows=table_rows({"scores": summary.get("scores", [])}),
            generated=bool(summary.get("generated_sample")),
            report=report,
            split=split,
        )
    )

"""Write docs/write-a-plugin/checks.md: every check of the conformance kit and what it expects.

python docs/checks.py
"""

from __future__ import annotations

from pathlib import Path

from segkit.testing.check import checks_of

PAGE = Path(__file__).parent / "write-a-plugin" / "checks.md"
KINDS = {
    "plugin": "Every distribution",
    "component": "Every component",
    "arch": "Networks",
    "data": "Datasets",
    "loss": "Losses",
    "metric": "Metrics",
    "explainer": "Explainers",
    "optimizer": "Optimizers",
    "schedule": "Schedules",
    "augmentation": "Augmentations",
    "normalization": "Normalisations",
    "sampler": "Samplers",
    "postprocess": "Steps after prediction",
    "exporter": "Exporters",
    "section": "Sections of the report",
    "searcher": "Searchers",
    "launcher": "Launchers",
}
HEAD = """# The checks

What `segkit check DISTRIBUTION` and `segkit.testing.plugin_checks` hold a plugin against. A check that needs another
one is skipped where that failed. Networks are built small (`Architecture.small` over the declared defaults), once in 2D
and once in 3D where they declare both, and graphs are made once; datasets are checked on their generated sample. Checks
marked * take long and are run with `--full` or `full=True`.
"""


def text() -> str:
    """Return the page."""
    common = {check.name for check in checks_of("loss") if check.kind == "component"}
    lines = [HEAD]
    for kind, title in KINDS.items():
        checks = checks_of("loss" if kind == "component" else kind)
        own = [
            check for check in checks if (check.name in common and check.kind == "component") == (kind == "component")
        ]
        lines += [f"## {title}", "", "| check | expects |", "| --- | --- |"]
        lines += [f"| `{check.name}`{' *' if check.full else ''} | {check.expected} |" for check in own]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")

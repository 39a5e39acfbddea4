"""The site's pages that are made from the code: the gallery of components, the command line, the Python names.

MkDocs runs it (`hooks` in mkdocs.yml); nothing it makes is committed, so nothing of it can be out of date.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import segkit
from segkit.cli import main as command
from segkit.cli.shown_settings import rows
from segkit.discovery import Found, Registry
from segkit.params import describe, show
from segkit.settings import SECTIONS

KINDS = {
    "arch": "Architectures",
    "data": "Datasets",
    "loss": "Losses",
    "metric": "Metrics",
    "explainer": "Explainers",
}
NOTEBOOK = Path(__file__).parent / "notebook.ipynb"
GUIDE = 4.0
BOOSTS = {
    # What people ask for in one word that other pages have in their headings.
    **dict.fromkeys(("datasets/folder.md", "write-a-plugin/network.md"), 12.0),
    **dict.fromkeys(("benchmarks/", "results/", "architecture.md", "design-decisions.md", "reproduce-report.md"), 0.1),
    **dict.fromkeys(("gallery/", "reference/", "plugin-api.md"), 0.3),
    **dict.fromkeys(
        ("metrics/", "losses/", "explainers/", "write-a-plugin/checks.md", "write-a-plugin/gallery.md"), 0.5
    ),
    **dict.fromkeys(("glossary.md", "bridges.md", "datasets/amos.md", "datasets/msd.md"), 1.0),
}
"""How much a page counts in the search beside a guide's 4, by how its address begins, the first that fits."""
PICTURES = Path(__file__).parent / "images" / "gallery"
"""Made by docs/gallery_pictures.py, KIND-NAME.jpg, all of generated samples; they say so."""
ABOUT_PICTURES = """Pictures are of generated samples, drawn by a program: they show what a component does, and say
nothing about patients. Each network was trained for seconds, so there is no ranking in them; explainers explain the
U-Net of these. `docs/gallery_pictures.py` makes them."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    registry = Registry.discover()
    pages = {"gallery/index.md": gallery(registry), "reference/command.md": commands(), "reference/python.md": names()}
    pages["reference/settings.md"] = settings()
    pages["notebook.md"] = notebook()
    pages |= {f"gallery/{kind}.md": components(registry, kind) for kind in KINDS}
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> None:
    """Let the search answer with guides before lists, and with these before measurements (issue 27)."""
    place = page.file.src_uri
    boost = next((value for start, value in BOOSTS.items() if place.startswith(start)), GUIDE)
    page.meta.setdefault("search", {}).setdefault("boost", boost)


def notebook() -> str:
    """Return the tutorial's notebook as a page: what it says and its code; tests execute it."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    shown = [
        text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```"
        for cell, text in zip(cells, texts, strict=True)
    ]
    shown.insert(1, f"[The notebook itself]({NOTEBOOK.name}) runs as it is where segkit and Jupyter are installed.")
    return "\n\n".join(shown) + "\n"


def gallery(registry: Registry) -> str:
    """Return the page that leads to the components of each kind."""
    lines = ["# Gallery", "", "Everything that is installed where this site was built, from its own declarations.", ""]
    lines += [ABOUT_PICTURES, ""]
    for kind, title in KINDS.items():
        found = [one.component.name for one in registry.components(kind)]
        lines += [f"## [{title}]({kind}.md)", "", *cards(kind, [name for name in found if picture(kind, name)])]
        lines += [", ".join(f"[`{name}`]({kind}.md#{name})" for name in found) or "none", ""]
    return "\n".join(lines)


def picture(kind: str, name: str) -> str:
    """Return the Markdown of a component's picture; empty where it has none."""
    file = PICTURES / f"{kind}-{name}.jpg"
    return f"![Example of {name} on a generated sample](../images/gallery/{file.name})" if file.is_file() else ""


def cards(kind: str, names: list[str]) -> Iterator[str]:
    """Yield a grid of pictures that lead to their components."""
    if names:
        yield '<div class="grid cards" markdown>'
        yield ""
        for name in names:
            yield f"- [{picture(kind, name)}]({kind}.md#{name}) [**{name}**]({kind}.md#{name})"
        yield from ("", "</div>", "")


def components(registry: Registry, kind: str) -> str:
    """Return the page of one kind: summary, reference and params of every component."""
    lines = [f"# {KINDS[kind]}", ""]
    for found in registry.components(kind):
        lines += component(kind, found)
    return "\n".join(lines)


def component(kind: str, found: Found) -> Iterator[str]:
    """Yield the lines about one component."""
    declared = found.component
    yield from (f"## {declared.name}", "", declared.summary, "", picture(kind, declared.name), "")
    yield f"From `{found.plugin.name}` {found.plugin.version}; full name `{found.full_name}`."
    yield ""
    if declared.reference:
        yield from (f"Source: {linked(declared.reference)}", "")
    folder = KINDS[kind].lower()
    if kind in ("loss", "metric") and (PICTURES.parents[1] / folder / f"{declared.name}.md").is_file():
        yield from (f"[Formula, conventions and other libraries' answers](../{folder}/{declared.name}.md)", "")
    yield from facts(declared)
    known = describe(declared.params)
    if known:
        yield from ("| param | |", "| --- | --- |")
    for name, info in known.items():
        limits = f", {info.limits}" if info.limits else ""
        default = f"`{show(info.default)}`" if show(info.default) else "none"
        cells = (f"`{name}`", f"{info.help}<br>{info.type}{limits}; default {default}")
        yield "| " + " | ".join(cell.replace("|", "or") for cell in cells) + " |"
    yield ""


def linked(text: str) -> str:
    """Return a reference with its addresses as links."""
    text = re.sub(r"https?://[^\s,;]+", r"<\g<0>>", text)
    text = re.sub(r"arXiv:(\d{4}\.\d+)", r"[arXiv:\1](https://arxiv.org/abs/\1)", text)
    return re.sub(r"doi:(10\.[^\s,;]+)", r"[doi:\1](https://doi.org/\1)", text)


def facts(declared: Any) -> Iterator[str]:
    """Yield what else the declaration says, a line each."""
    for label, attribute in (
        ("Spatial dims", "spatial_dims"),
        ("Layers that explain it", "layers"),
        ("Modes, with their spatial dims", "modes"),
        ("Unit", "unit"),
        ("Range", "range"),
        ("Scope", "scope"),
        ("Homepage", "homepage"),
    ):
        value = getattr(declared, attribute, None)
        if not value:
            continue
        shown = ", ".join(map(str, value)) if isinstance(value, tuple) else value
        if hasattr(value, "items"):
            shown = ", ".join(f"{name} = {what}" for name, what in value.items())
        yield from (f"{label}: {linked(str(shown))}", "")


def commands() -> str:
    """Return the reference of every command, as `--help` prints it."""
    lines = ["# The command line", "", "What `--help` prints, of every command.", ""]
    for path, subcommand in walk("segkit", command):
        context = click.Context(subcommand, info_name=path, max_content_width=100, **command.context_settings)
        lines += [f"## {path}", "", "```text", subcommand.get_help(context), "```", ""]
    return "\n".join(lines)


def settings() -> str:
    """Return the page of the core's settings: `segkit info settings`, section by section."""
    lines = ["# Settings", "", "Every setting of the core, as `segkit info settings` prints it. It is set with"]
    lines += ["`--set train.epochs=40`, in a config file as `[train]` `epochs = 40`, or as `SEGKIT_TRAIN_EPOCHS=40`."]
    lines += ["What a run has, and where each value comes from: `segkit run ... --dry-run`.", ""]
    for section, kind in SECTIONS.items():
        lines += [f"## {section}", "", (kind.__doc__ or "").strip().splitlines()[0], ""]
        lines += ["| setting | type | default | limits | what it is |", "| --- | --- | --- | --- | --- |"]
        for row in rows(section):
            name, *cells = (cell.replace("|", "or") for cell in row)
            lines.append(f"| `{name}` | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def walk(path: str, group: click.Command) -> Iterator[tuple[str, click.Command]]:
    """Yield a command and all below it with their full names."""
    yield path, group
    if isinstance(group, click.Group):
        context = click.Context(group, info_name=path, **command.context_settings)
        for name in group.list_commands(context):
            found = group.get_command(context, name)
            if found is not None:
                yield from walk(f"{path} {name}", found)


def names() -> str:
    """Return the page of the public names, filled in from their docstrings."""
    lines = ["# Python", "", "The public names of `segkit`; everything else may change without notice.", ""]
    for name in segkit.__all__:
        value = getattr(segkit, name)
        module = getattr(value, "__module__", None)
        if callable(value) and isinstance(module, str) and module.startswith("segkit"):
            lines += [f"::: {module}.{value.__name__}", ""]
        else:
            lines += [f"## {name}", "", f"`{value!r}`", ""]
    lines += ["What a plugin's tests use:", "", "::: segkit.testing.tests.plugin_checks", ""]
    return "\n".join(lines)

"""What the page about other libraries shows is built and checked where the library is installed."""

from __future__ import annotations

import re
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from segkit.declarations.installed import Plugin
from segkit.declarations.parts import EVERY_KIND
from segkit.testing.suite import Suite

PAGE = Path(__file__).parents[2] / "docs" / "write-a-plugin" / "gallery.md"
SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
GRAPHS = ("compile", "torch-export", "onnx", "compile-inductor")
MEASURED = {"measure": "{module}:measure"}
KINDS = {
    "Any size through a network that divides its grid": ("arch", "torch", "build", {}),
    "An encoder of timm": ("arch", "timm", "build", {}),
    "A network of transformers": ("arch", "transformers", "build", {}),
    "An explainer of captum": ("explainer", "captum", "build", {"layered": False}),
    "A metric of panoptica": ("metric", "panoptica", "build", MEASURED),
    "A dataset in HDF5": ("data", "h5py", "Reader", {}),
    "Scores of regions": ("metric", "numpy", "build", {**MEASURED, "poolable": True}),
}
SECTIONS = dict(SECTION.findall(PAGE.read_text(encoding="utf-8")))
HEAVY = ("An encoder of timm", "A network of transformers")
"""Those whose library takes long to import and build."""


def test_every_section_is_checked():
    """With one block of code each."""
    assert {*SECTIONS} == {*KINDS}
    assert all(len(BLOCK.findall(text)) == 1 for text in SECTIONS.values())


@pytest.mark.parametrize("title", [pytest.param(one, marks=pytest.mark.full if one in HEAVY else []) for one in KINDS])
def test_no_check_accuses_what_the_page_shows(title, tmp_path, monkeypatch):
    """As `segkit check` would hold the package against the contract; graphs are of the libraries."""
    kind, library, factory, fields = KINDS[title]
    pytest.importorskip(library)
    module = "gallery_" + re.sub(r"\W+", "_", title).lower()
    (tmp_path / f"{module}.py").write_text(BLOCK.findall(SECTIONS[title])[0], encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, module, raising=False)
    declared = {
        name: value.format(module=module) if isinstance(value, str) else value for name, value in fields.items()
    }
    component = EVERY_KIND[kind](name="shown", factory=f"{module}:{factory}", summary="It is shown.", **declared)
    point = EntryPoint("shown", module, "segkit")
    suite = Suite([Plugin("segkit-shown", "1.0", point, ("segkit-core>=0.1,<0.2",), components=[component])])
    left_out = (*GRAPHS, "declares-lightly")
    outcomes = {item: suite.outcome(item) for item in suite.items() if item.check.name not in left_out}
    assert sum(outcome.status == "passed" for outcome in outcomes.values()) >= 10
    failed = [str(outcome.failure) for outcome in outcomes.values() if outcome.status == "failed"]
    assert failed == []

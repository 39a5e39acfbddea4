"""The tutorial's notebook: executed as a reader would, and kept without what came out of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook.ipynb"


def test_the_notebook_is_kept_clean() -> None:
    """No outputs, no counts, no path: nothing of one machine, and nothing that can be out of date."""
    book = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert len(code) >= 8
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])
    for cell in code:
        compile("".join(cell["source"]), NOTEBOOK.name, "exec")


@pytest.mark.full
def test_every_cell_of_the_notebook_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From first to last in an empty folder; runs, models and explanations show themselves."""
    client = pytest.importorskip("nbclient", reason="nbclient, which executes notebooks, is not installed")
    formats = pytest.importorskip("nbformat", reason="nbformat, which reads notebooks, is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel, which runs the cells, is not installed")
    for name in [name for name in os.environ if name.startswith("SEGKIT_")]:
        monkeypatch.delenv(name)
    book = formats.read(NOTEBOOK, 4)
    client.NotebookClient(
        book, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    shown = [set(output.get("data", {})) for cell in book.cells for output in cell.get("outputs", [])]
    assert any("text/html" in kinds for kinds in shown)  # the run
    assert sum("image/png" in kinds for kinds in shown) >= 2  # the mask over its photograph, the explanation
    for name in ("first/report.html", "wider/report.html", "compared/report.html", "scored/summary.json"):
        assert (tmp_path / name).is_file(), name
    assert list((tmp_path / "first").glob("*.pt2"))
    assert (tmp_path / "cache").is_dir()

"""What holds over the code of core and plugins: how images are opened, and what deletes anything."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = [*sorted(PROJECT.glob("segkit/**/*.py")), *sorted(PROJECT.glob("plugins/*/segkit_*/**/*.py"))]
DELETING = {"rmtree", "unlink", "rmdir", "remove", "removedirs"}
REASONS = {
    "segkit/data/archives.py": "an archive that this download fetched, and the folder it was unpacked into",
    "segkit/data/cache.py": "stores and samples that hold what segkit always puts there, at the user's word",
    "segkit/data/download.py": "the part and the note of this download",
    "segkit/data/folders.py": "what was being built under a lock of its own, and what that replaces",
    "segkit/data/pretrained.py": "a file that this call fetched and that is not the weights; a brought one stays",
    "segkit/data/unpack.py": "the folder that this unpacking made, files of it that are damaged, folders left empty",
    "segkit/files/parts.py": "parts under a name that only segkit gives, whose writer is gone",
    "segkit/files/writing.py": "the part that could not be written",
    "segkit/jobs/export_plugin.py": "the part, under a name that only segkit gives, that an exporter could not write",
    "segkit/jobs/keeper.py": "summary, cases and report of the shorter training of a run that goes on for longer",
    "segkit/jobs/predict/outputs.py": "the part that could not be written",
    "segkit/jobs/run.py": "the resume state of a run that is finished",
    "segkit/jobs/train.py": "the note that a run goes on for longer, once its new model is written",
    "segkit/jobs/launch/job.py": "what a job printed when it was last tried, before it is tried anew",
    "segkit/report/figures.py": "figures that an earlier page recorded as its own",
    "segkit/rundir/claim.py": "what a run wrote before it trained, and folders that it made, where empty",
    "segkit/testing/files.py": "files of the copy that a plugin's check spoils",
    "plugins/segkit-serve/segkit_serve/corrections.py": "the dataset's copy of a mask, once read",
    "plugins/segkit-serve/segkit_serve/removing.py": "uploads forgotten or refused, unfinished versions",
    "plugins/segkit-tensorboard/segkit_tensorboard/events.py": "the event file of a run that begins anew",
}
"""Why a file may delete; whoever adds one says so here."""


def calls(path: Path) -> Iterator[tuple[ast.Call, str, str]]:
    """Yield every call of an attribute with what it is called on, as far as that is a name, and the attribute."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node, ast.unparse(node.func.value), node.func.attr


def test_images_are_opened_by_formats_and_in_one_place() -> None:
    """`Image.open` stands in one module, with a list of formats; nothing else reads pictures."""
    found = {
        (str(path.relative_to(PROJECT)), tuple(keyword.arg for keyword in call.keywords))
        for path in SOURCES
        for call, owner, name in calls(path)
        if (owner.endswith("Image") and name == "open") or name in ("imread", "imopen")
    }
    assert found == {("segkit/data/image_files.py", ("formats",))}
    for template in PROJECT.glob("segkit/scaffold/templates/**/*.tmpl"):
        assert "Image.open(" not in template.read_text(encoding="utf-8"), template


def deletes(path: Path) -> bool:
    """Whether a file removes files or folders; `remove` of lists and sets is another thing."""
    return any(
        name in DELETING and (name != "remove" or owner in ("os", "shutil", "pathlib.Path"))
        for _, owner, name in calls(path)
    )


def test_whatever_deletes_has_a_reason() -> None:
    """Every file that removes anything from a disk is listed with what that is, and no other."""
    assert {str(path.relative_to(PROJECT)) for path in SOURCES if deletes(path)} == set(REASONS)


@pytest.mark.parametrize("line", ["os.remove(x)", "shutil.rmtree(x)", "(a / b).unlink()", "folder.rmdir()"])
def test_deleting_is_seen(tmp_path: Path, line: str) -> None:
    """The look at the code itself."""
    (tmp_path / "x.py").write_text(f"import os, shutil\n{line}\n")
    assert deletes(tmp_path / "x.py")
    (tmp_path / "x.py").write_text("names.remove(x)\n")
    assert not deletes(tmp_path / "x.py")

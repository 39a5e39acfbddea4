"""Count what an author writes for one component of each kind: lines of code and files of the packages of `segkit new`.

    python benchmarks/authoring.py            # the table
    python benchmarks/authoring.py FILE...    # lines of code of other Python files, counted alike

A line of code is one that is neither blank nor a comment nor part of a docstring.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from segkit.scaffold import KINDS, make_package


def code_lines(text: str) -> int:
    """Lines of Python that are neither blank, comment nor docstring."""
    documented = set()
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            documented |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    lines = enumerate(text.splitlines(), start=1)
    return sum(bool(line.strip()) and not line.strip().startswith("#") and at not in documented for at, line in lines)


def plain_lines(text: str) -> int:
    """Lines of another file that are not blank."""
    return sum(bool(line.strip()) for line in text.splitlines())


def method_lines(kind: str, files: dict[str, str]) -> int:
    """Lines of the method itself: the network's class, the function that a factory returns, read() of a dataset."""
    wanted = {
        "arch": ("Mine",),
        "data": ("read", "cases"),
        "loss": ("loss",),
        "metric": ("score",),
        "explainer": ("explain",),
        "optimizer": ("SignMomentum",),
        "schedule": ("share",),
        "augmentation": ("change",),
        "normalization": ("measure",),
        "sampler": ("choose",),
        "postprocess": ("change",),
        "exporter": ("write",),
        "section": ("section",),
        "searcher": ("suggest",),
        "launcher": ("submit", "state", "cancel"),
        "command": ("command",),
    }
    total = 0
    for path, text in files.items():
        if path.endswith(".py") and not path.startswith("tests/"):
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name in wanted[kind]:
                    total += code_lines(ast.unparse(node))
    return total


def main(paths: list[str]) -> None:
    """Print the table, or the counts of the files given."""
    for path in paths:
        print(code_lines(Path(path).read_text(encoding="utf-8")), path)
    if paths:
        return
    print("| kind | files | code | of it the method itself | around it | pyproject.toml | test |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for kind in KINDS:
        files = dict(make_package(kind, "mine", {}).files)
        code = sum(code_lines(text) for path, text in files.items() if path.endswith(".py") and "tests/" not in path)
        test = sum(code_lines(text) for path, text in files.items() if path.startswith("tests/"))
        own = method_lines(kind, files)
        around = plain_lines(files["pyproject.toml"])
        print(f"| {kind} | {len(files)} | {code} | {own} | {code - own} | {around} | {test} |")


if __name__ == "__main__":
    main(sys.argv[1:])

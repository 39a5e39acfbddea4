"""Write the map of docs/architecture.md: one line per module, by floor, from the modules' own first sentences.

python docs/module_map.py
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "architecture.md"
CORE = DOCS.parent / "segkit"
START, END = "<!-- map: python docs/module_map.py -->", "<!-- end of the map -->"


def floors(page: str) -> list[str]:
    """Return the modules and packages under segkit/ as the page's table of floors orders them, the highest first."""
    table = page.partition("## Floors")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `segkit/")]
    return [name for cell in cells for name in re.findall(r"`segkit/(\w+)(?:\.py|/)`", cell)]


def sentence(path: Path) -> str:
    """Return the first line of a module's docstring, as it stands behind a colon."""
    first = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0].rstrip(".")
    word = first.partition(" ")[0]
    return first if len(word) > 1 and word[:2].isupper() else first[:1].lower() + first[1:]


def files_of(floor: str) -> list[Path]:
    """Return the modules of a floor, packages inside it after its own modules."""
    if (CORE / f"{floor}.py").is_file():
        return [CORE / f"{floor}.py"]
    found = [path for path in (CORE / floor).rglob("*.py") if "templates" not in path.parts]
    return sorted(found, key=lambda path: (len(path.parts), path.as_posix()))


def the_map(page: str) -> str:
    """Return the map: a heading per floor, a line per module."""
    lines: list[str] = []
    for floor in floors(page):
        package = (CORE / floor).is_dir()
        if package:
            lines += ["", f"### segkit/{floor}/", ""]
        elif not lines or not lines[-1].startswith("- `segkit/"):
            lines += ["", "### Modules of their own", ""]
        for path in files_of(floor):
            if path.name != "__init__.py":
                name = path.relative_to(CORE.parent if not package else CORE / floor).as_posix()
                lines.append(f"- `{name}`: {sentence(path)}")
    return "\n".join(lines).strip()


def with_map(page: str) -> str:
    """Return the page with the map of now."""
    before, _, rest = page.partition(START)
    return f"{before}{START}\n\n{the_map(page)}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(with_map(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

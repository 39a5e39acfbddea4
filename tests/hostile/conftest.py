"""The hostile plugins, each a real distribution: hostile-NAME from packages/NAME.py."""

from __future__ import annotations

from pathlib import Path

import pytest

SOURCES = Path(__file__).parent / "packages"
REQUIRES = {"excluding": "segkit-core>=99,<100"}
ENTRY_POINTS = {"second": "first"}
PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "hostile-{hyphened}"
version = "0.9"
dependencies = ["{requires}"]

[project.entry-points.segkit]
{entry_point} = "hostile_{name}"
"""


@pytest.fixture(scope="session")
def make_package(tmp_path_factory):
    """Write the folder of one hostile distribution."""

    def make(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        (folder / f"hostile_{name}.py").write_text((SOURCES / f"{name}.py").read_text())
        text = PYPROJECT.format(
            name=name,
            hyphened=name.replace("_", "-"),
            requires=REQUIRES.get(name, "segkit-core>=0.1,<1"),
            entry_point=ENTRY_POINTS.get(name, name),
        )
        (folder / "pyproject.toml").write_text(text)
        return folder

    return make


@pytest.fixture(scope="session")
def site(make_package, install_wheels) -> Path:
    """Install every hostile plugin side by side, but for the one that is only slow."""
    names = sorted(path.stem for path in SOURCES.glob("*.py"))
    return install_wheels(make_package(name) for name in names if name != "torch_at_the_top")

"""A complete small plugin package, from the templates of its kind."""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from segkit.declarations import NAME
from segkit.declarations.parts import PARTS
from segkit.errors import SegkitError, UsageError
from segkit.files import whole_folder
from segkit.version import __version__

PREFIX = "segkit-"
LICENSES = {"Apache-2.0": "LICENSE.tmpl"}


@dataclass(frozen=True)
class Kind:
    """What differs between the packages of each kind.

    Attributes:
        summary: of the component that is written.
        command: what uses the component, {name} and installed ones of other kinds, as {arch}, standing for themselves.
        package: the name of a second module, because it imports at its top what the first must not; "" for one module.
        look: what describes the component.
    """

    summary: str
    command: str
    package: str = ""
    look: str = "segkit info {name}"


def by_setting(setting: str) -> str:
    """The command of a part that a setting names."""
    return f"segkit run --arch {{arch}} --data {{data}} --set {setting}={{name}}"


KINDS: Mapping[str, Kind] = {
    "arch": Kind("Three dilated convolutions.", "segkit run --arch {name} --data {data}", "model"),
    "data": Kind(
        "Discs on noise.",
        "segkit run --arch {arch} --data {name}",
    ),
    "loss": Kind(
        "One minus the soft overlap of all classes together.",
        "segkit run --arch {arch} --data {data} --loss {name}",
    ),
    "metric": Kind(
        "F-beta score: overlap with a weight for missed pixels.",
        "segkit run --arch {arch} --data {data} --metric {name}",
    ),
    "explainer": Kind(
        "Gradient times activation of a layer.",
        "segkit run --arch {arch} --data {data} --explain {name}",
    ),
    "optimizer": Kind("Steps by the sign of a running mean of the gradient.", by_setting("train.optimizer")),
    "schedule": Kind("Falls by a power of what is left of the run.", by_setting("train.schedule")),
    "augmentation": Kind("Adds a slope along a random axis.", by_setting("augment.further")),
    "normalization": Kind("Clips at percentiles, then zero mean and unit deviation.", by_setting("data.normalization")),
    "sampler": Kind("Shows structures in a share of the samples.", by_setting("data.sampler")),
    "postprocess": Kind("Takes out classes that are a small share of the image.", by_setting("evaluate.postprocess")),
    "exporter": Kind("Weights as a NumPy archive.", "segkit export RUN --to {name}"),
    "section": Kind("Cases that were missed altogether.", "segkit run --arch {arch} --data {data}"),
    "searcher": Kind(
        "Trials evenly spread over every setting's values.",
        "segkit sweep --arch {arch} --data {data} --vary train.learning_rate=log:1e-4..1e-2 --searcher {name}",
    ),
    "launcher": Kind(
        "Jobs of this machine that give way to other programs.",
        "segkit compare --arch {arch} --data {data} --vary train.batch_size=2 --vary train.batch_size=4 "
        "--launcher {name} --jobs 1",
    ),
    "command": Kind(
        "Median of a run's scores, class by class.", "segkit {name} RUN", "command", "segkit {name} --help"
    ),
}


@dataclass(frozen=True)
class Package:
    """A package to be written.

    Attributes:
        files: content by path relative to the package's folder.
        command: what uses the component once it is installed.
    """

    distribution: str
    files: Mapping[str, str]
    command: str


def make_package(kind: str, name: str, installed: Mapping[str, str], license: str | None = None) -> Package:
    """Fill the templates of a kind.

    Args:
        kind: a key of KINDS.
        name: of the component; the distribution is segkit-NAME.
        installed: kind -> the name of an installed component, for the commands in the README.
        license: a key of LICENSES, None where the author will choose.

    Raises:
        UsageError: `name` cannot be a component's name, or is the core's.
    """
    name = name.removeprefix(PREFIX)
    if not NAME.match(name) or not name[0].isalpha():
        raise UsageError(
            f"{name!r} cannot be a component's name", "use a-z, 0-9 and single hyphens between them, a letter first"
        )
    if kind in PARTS and name in PARTS[kind].own:
        raise UsageError(f"{kind} {name!r} is the core's", "choose another name")
    described = KINDS[kind]
    module = "segkit_" + name.replace("-", "_")
    command = described.command.format(**{**{"arch": "ARCH", "data": "DATA"}, **installed, "name": name})
    values = {
        "name": name,
        "distribution": PREFIX + name,
        "module": module,
        "include": module if described.package else f"{module}.py",
        "camel": "".join(part.capitalize() for part in name.split("-")) or name,
        "summary": described.summary,
        "license": f'license = "{license}"\nlicense-files = ["LICENSE"]\n' if license else "",
        "dependencies": ", ".join(f'"{one}"' for one in (core_range(), *template(kind, "requires.txt").split())),
        "command": command,
        "look": described.look.format(name=name),
        "choose": ""
        if license
        else "\nChoose a licence before you share it: a LICENSE file, and `license` in pyproject.toml.\n",
    }
    own = template(kind, "module.py")
    files = {
        "pyproject.toml": template("common", "pyproject.toml"),
        "README.md": template("common", "README.md"),
        f"tests/test_{module.removeprefix('segkit_')}.py": template("common", "test.py")
        + template(kind, "own_test.py"),
        f"{module}/__init__.py" if described.package else f"{module}.py": own,
    }
    if described.package:
        files[f"{module}/{described.package}.py"] = template(kind, f"{described.package}.py")
    filled = {path: Template(text).substitute(values).rstrip() + "\n" for path, text in files.items()}
    if license:
        filled["LICENSE"] = folder().joinpath("common", LICENSES[license]).read_text(encoding="utf-8")
    return Package(PREFIX + name, filled, command)


def core_range() -> str:
    """The requirement on cores like this one: "segkit-core>=0.1,<0.2"."""
    major, minor = (int(part) for part in __version__.split(".")[:2])
    return f"segkit-core>={major}.{minor},<{major}.{minor + 1}"


def folder() -> Traversable:
    """Where the templates are."""
    return importlib.resources.files("segkit.scaffold") / "templates"


def template(kind: str, name: str) -> str:
    """Read a template."""
    return folder().joinpath(kind, f"{name}.tmpl").read_text(encoding="utf-8")


def write_package(package: Package, parent: Path) -> Path:
    """Write the package's folder into `parent`, whole or not at all, and return it.

    Raises:
        SegkitError: the folder is there already, or cannot be written.
    """
    target = parent / package.distribution
    if target.exists():
        raise SegkitError(f"{target} is there already", "choose another name, or another folder with --output")
    with whole_folder(target) as part:
        for path, text in package.files.items():
            (part / path).parent.mkdir(parents=True, exist_ok=True)
            (part / path).write_text(text, encoding="utf-8")
    return target

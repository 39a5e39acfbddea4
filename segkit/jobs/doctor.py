"""Look over an installation: what is there, what is wrong, and how to mend it."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from segkit.data.roots import cache_folder
from segkit.declarations.installed import CORE, canonical, damaged_distributions
from segkit.discovery import Found, Registry
from segkit.errors import SegkitError
from segkit.files import bytes_text, expanded
from segkit.jobs.origins import foreign_module
from segkit.version import __version__

OK, NOTE, BROKEN = "ok", "note", "broken"
OLDEST_PYTHON = (3, 11)
LITTLE_SPACE, NO_SPACE = 5_000_000_000, 500_000_000
EXTRAS = dict.fromkeys(("onnx", "onnxruntime", "onnxscript"), "segkit export --to onnx")
"""Distributions that are not required, and what for."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        area: "versions", "devices", "plugins", "data" or "disk".
        status: "ok", "note" (worth knowing) or "broken".
        found: what it is.
        mend: what to do; "" where there is nothing to do.
    """

    area: str
    name: str
    status: str
    found: str
    mend: str = ""


def examine(registry: Registry, environ: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Yield every finding, in the order in which causes come before what they cause."""
    environ = os.environ if environ is None else environ
    yield from versions(registry)
    yield from devices(environ)
    yield from plugins(registry)
    yield from data_roots(registry, environ)
    yield from disk()


def versions(registry: Registry) -> Iterator[Finding]:
    """Python, segkit, and what the core and the plugins require."""
    found = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        yield Finding("versions", "python", BROKEN, found, "use Python 3.11 or newer")
    else:
        yield Finding("versions", "python", OK, f"{found}, {platform.system()} {platform.machine()}")
    yield Finding("versions", CORE, OK, __version__)
    for name, (wanted, by) in sorted(requirements(registry).items()):
        yield requirement(name, wanted, by)
    for name, purpose in EXTRAS.items():
        version = installed_version(name)
        mend = "" if version else f"pip install '{CORE}[onnx]'"
        yield Finding(
            "versions", name, OK if version else NOTE, version or f"not installed; needed for {purpose}", mend
        )
    command, here = shutil.which("segkit"), Path(sys.executable).parent
    if command is not None and Path(command).parent.resolve() != here.resolve():
        said = "the command `segkit` belongs to another Python than this one"
        yield Finding("versions", "segkit command", NOTE, said, "activate this environment, or say python -m segkit")


def requirements(registry: Registry) -> dict[str, tuple[str, str]]:
    """Return by distribution the versions asked for, and who asks."""
    from packaging.requirements import InvalidRequirement, Requirement

    asked = {CORE: tuple(own_requirements())} | {plugin.name: plugin.requires for plugin in registry.plugins}
    wanted: dict[str, tuple[str, str]] = {}
    for owner, texts in asked.items():
        for text in texts:
            try:
                parsed = Requirement(text)
            except InvalidRequirement:
                continue
            name = canonical(parsed.name)
            if name == CORE or (parsed.marker is not None and not parsed.marker.evaluate({"extra": ""})):
                continue
            before, by = wanted.get(name, ("", ""))
            versions = ",".join(part for part in (before, str(parsed.specifier)) if part)
            wanted[name] = versions, f"{by}, {owner}".strip(", ")
    return wanted


def own_requirements() -> list[str]:
    """What the installed core says it requires; nothing where it runs from its sources."""
    try:
        return metadata.requires(CORE) or []
    except metadata.PackageNotFoundError:
        return []


def requirement(name: str, wanted: str, by: str) -> Finding:
    """Look for one required distribution."""
    from packaging.specifiers import SpecifierSet

    version = installed_version(name)
    if version is None:
        return Finding("versions", name, BROKEN, f"not installed; required by {by}", f'pip install "{name}{wanted}"')
    if not SpecifierSet(wanted).contains(version, prereleases=True):
        return Finding("versions", name, BROKEN, f"{version}; {by} wants {wanted}", f'pip install "{name}{wanted}"')
    return Finding("versions", name, OK, version)


def installed_version(name: str) -> str | None:
    """Return a distribution's version, or None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def devices(environ: Mapping[str, str]) -> Iterator[Finding]:
    """PyTorch and what it computes on, tried with a small convolution."""
    try:
        torch = importlib.import_module("torch")
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        yield Finding("devices", "torch", BROKEN, f"does not import: {reason}", "reinstall it: https://pytorch.org")
        return
    cores, threads = os.cpu_count() or 1, torch.get_num_threads()
    limit = environ.get("OMP_NUM_THREADS")
    by = f", limited by OMP_NUM_THREADS={limit}" if limit else ""
    few = threads < cores // 2
    mend = "unset OMP_NUM_THREADS to use all cores" if few and limit else ""
    yield trial(
        "cpu",
        f"{cores} cores, {threads} thread{'' if threads == 1 else 's'} for an operator{by}",
        NOTE if mend else OK,
        mend,
    )
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(index)
            text = f"{torch.cuda.get_device_name(index)}, {bytes_text(free)} of {bytes_text(total)} free"
            yield trial(f"cuda:{index}", text, OK, "")
    elif torch.version.cuda is not None:
        text = "this PyTorch is built for CUDA and sees no device"
        yield Finding("devices", "cuda", NOTE, text, "if there is one, check its driver with nvidia-smi")
    if torch.backends.mps.is_available():
        yield trial("mps", "Apple GPU", OK, "")


def trial(device: str, text: str, status: str, mend: str) -> Finding:
    """Try a device."""
    import torch

    try:
        image = torch.ones(1, 1, 8, 8, device=device, requires_grad=True)
        torch.nn.functional.conv2d(image, torch.ones(1, 1, 3, 3, device=device)).sum().backward()
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        return Finding("devices", device, BROKEN, f"{text}; a convolution fails: {reason}", "use --device cpu")
    return Finding("devices", device, status, text, mend)


def plugins(registry: Registry) -> Iterator[Finding]:
    """Whether each plugin loads, and whether the code of each of its components imports."""
    if not registry.plugins:
        yield Finding(
            "plugins", "none", BROKEN, "no plugin is installed", "pip install -r requirements.txt, as the README says"
        )
    for plugin in registry.plugins:
        if plugin.disabled:
            yield Finding("plugins", plugin.name, NOTE, f"{plugin.version}, disabled")
            continue
        if plugin.error is not None:
            yield Finding("plugins", plugin.name, BROKEN, f"{plugin.version}: {plugin.reason}", plugin.hint)
            continue
        foreign = foreign_module(plugin)
        if foreign:
            mend = f"find out who installed it; pip install --force-reinstall {plugin.name}"
            yield Finding("plugins", plugin.name, BROKEN, f"{plugin.version}: {foreign}", mend)
            continue
        notes = "; ".join(plugin.notes)
        text = f"{plugin.version}, {len(plugin.components)} component{'s' if len(plugin.components) != 1 else ''}"
        yield Finding("plugins", plugin.name, NOTE if notes else OK, f"{text}{f'; {notes}' if notes else ''}")
    for name, reason in damaged_distributions():
        yield Finding("plugins", name, BROKEN, reason, f"pip install --force-reinstall {name}, or uninstall it")
    for item in registry.components():
        try:
            item.load()
        except SegkitError as error:
            yield Finding("plugins", f"{item.component.kind} {item.full_name}", BROKEN, error.message, error.hint)


def data_roots(registry: Registry, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Where each dataset would be read from."""
    places = []
    if given := environ.get("SEGKIT_DATA"):
        mend = "mount or mend it, or unset SEGKIT_DATA"
        try:
            places = [folder for folder in [expanded(given, "SEGKIT_DATA")] if folder.is_dir()]
            if not places:
                yield Finding("data", "SEGKIT_DATA", BROKEN, f"{given} is no folder", mend)
        except (SegkitError, PermissionError) as error:
            yield Finding("data", "SEGKIT_DATA", BROKEN, str(error), mend)
    # Without a cache folder the disk's check says so.
    with suppress(SegkitError):
        places.append(cache_folder() / "data")
    for item in registry.components("data"):
        name = item.component.name
        looked_at = [folder / name for folder in places]
        there = next((path for path in looked_at if os.access(path, os.R_OK) and path.is_dir()), None)
        if there is not None:
            yield Finding("data", name, OK, str(there))
        else:
            yield Finding("data", name, NOTE, *without_data(item))


def without_data(item: Found) -> tuple[str, str]:
    """Say what happens where a dataset's files are not found, and what to do."""
    try:
        reader = item.load()
    except SegkitError:
        reader = None  # told among the plugins
    sample = hasattr(reader, "make_sample")
    text = f"not found; without --data-root {'a generated sample is used' if sample else 'there is nothing to read'}"
    download = f", or: segkit data download {item.component.name}" if hasattr(reader, "download") else ""
    return text, f"say --data-root DIR, or set SEGKIT_DATA{download}"


def disk() -> Iterator[Finding]:
    """Whether cache and working directory can be written to, and how much space there is."""
    hint = "free some space, or set SEGKIT_CACHE to a folder on another disk"
    try:
        cache = cache_folder()
    except SegkitError as error:
        yield Finding("disk", "cache", BROKEN, error.message, error.hint)
    else:
        yield place("cache", cache, hint, lambda folder: f"holds {bytes_text(folder_size(folder))}")
    yield place("working directory", Path.cwd(), "work in a folder you can write to", lambda folder: "")


def place(name: str, folder: Path, hint: str, describe: Callable[[Path], str]) -> Finding:
    """Try to write into a folder, or the first one above it that is there."""
    there = next(path for path in (folder, *folder.parents) if path == path.parent or os.access(path, os.F_OK))
    try:
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        return Finding("disk", name, BROKEN, f"{folder} cannot be written to: {error.strerror}", hint)
    about = describe(folder) if folder.exists() else "not made yet"
    text = f"{folder}: {', '.join(part for part in (f'{bytes_text(free)} free', about) if part)}"
    if free < NO_SPACE:
        return Finding("disk", name, BROKEN, text, hint)
    return Finding("disk", name, NOTE if free < LITTLE_SPACE else OK, text, hint if free < LITTLE_SPACE else "")


def folder_size(folder: Path) -> int:
    """Return the bytes in a folder; what vanishes meanwhile counts nothing."""
    total = 0
    for base, _, files in os.walk(folder):
        for file in files:
            try:
                total += Path(base, file).lstat().st_size
            except OSError:
                continue
    return total

"""Where a dataset's files are: given, found, or a generated sample."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segkit import params as component_params
from segkit.data.dataset import DatasetReader
from segkit.data.folders import locked, new_folder, writing
from segkit.errors import SegkitError
from segkit.files import expanded, home_folder, real
from segkit.version import __version__

GENERATED = "generated sample"
"""The source of a root that nobody named and where nothing was found."""
MARKER = "generated-sample.json"
"""The file that lies in the root of every generated sample."""


@dataclass(frozen=True)
class Root:
    """The folder that a dataset is read from.

    Attributes:
        source: who named it: the option or file given, "SEGKIT_DATA", "cache" or "generated sample".
        generated: whether it holds a generated sample, not real data.
        parts: of several datasets the folder of each; `path` is the first's.
    """

    path: Path
    source: str
    generated: bool
    parts: tuple[Root, ...] = ()

    @property
    def shown(self) -> str:
        """The folder as people are told it, of several datasets each."""
        return " and ".join(part.shown for part in self.parts) if self.parts else str(self.path)

    @property
    def written(self) -> str:
        """The folder as a config holds it, of several datasets each; a sample's is left empty: it is drawn anew."""
        if not self.parts:
            return str(real(self.path))
        return os.pathsep.join("" if part.source == GENERATED else part.written for part in self.parts)


def cache_folder() -> Path:
    """Return the folder of stores, samples and downloads: SEGKIT_CACHE, else segkit's place in the platform's cache.

    Raises:
        SegkitError: nothing names it, and the user has no home folder.
    """
    if given := os.environ.get("SEGKIT_CACHE"):
        return expanded(given, "SEGKIT_CACHE").absolute()
    platform_cache = Path(os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME", ""))
    # The XDG specification says to ignore relative paths; macOS knows no such variable.
    if platform_cache.is_absolute() and sys.platform != "darwin":
        return platform_cache / "segkit"
    home = home_folder()
    if home is None:
        raise SegkitError(
            "this user has no home folder, so there is no place for stores and samples",
            "set SEGKIT_CACHE to a folder you can write to",
        )
    below = {"win32": ("AppData", "Local"), "darwin": ("Library", "Caches")}.get(sys.platform, (".cache",))
    return home.joinpath(*below, "segkit")


def find_root(
    dataset_name: str,
    given: str | None,
    given_by: str,
    reader_class: type[DatasetReader],
    params: Any,
    progress: Callable[[str], None] | None = None,
) -> Root:
    """Find the folder of a dataset, or generate its sample where there is none.

    Looked for: `given`, SEGKIT_DATA/<name>, <cache>/data/<name>; then <cache>/samples, where the sample is generated
    once by `reader_class.make_sample`.

    Args:
        dataset_name: plain ("isic") or full ("segkit-isic:isic").
        given: the folder named by the user, which must exist.
        given_by: the option or file that named it, for messages.
        params: the dataset's params; each set of them has a sample of its own.
        progress: told in a sentence when a sample is about to be generated.

    Raises:
        SegkitError: a given folder is missing or no folder, or there is none and no sample can be generated.
    """
    name = dataset_name.rpartition(":")[2]
    if given is not None:
        return _root(_existing(expanded(given, given_by), given_by), given_by)
    for path, source in _places(name):
        if _is_there(path):
            return _root(_existing(path, source), source)
    return _root(_sample(dataset_name, reader_class, params, progress), GENERATED)


def download_root(dataset_name: str, given: str | None) -> Path:
    """Return the folder to download a dataset into: `given`, or the first place where `find_root` looks."""
    if given is not None:
        return expanded(given, "--data-root")
    return next(_places(dataset_name.rpartition(":")[2]))[0]


def _places(name: str) -> Iterator[tuple[Path, str]]:
    """Where a dataset is looked for, and what names the place."""
    if environment := os.environ.get("SEGKIT_DATA"):
        # A disk that is not mounted must not turn a training on real data into one on a sample.
        folder = _existing(expanded(environment, "SEGKIT_DATA"), "SEGKIT_DATA")
        yield folder / name, "SEGKIT_DATA"
    yield cache_folder() / "data" / name, "cache"


def _root(path: Path, source: str) -> Root:
    return Root(path, source, _is_there(path / MARKER))


def _is_there(path: Path) -> bool:
    """Whether there is something that may be looked at: the home of another user may not, in a container say."""
    try:
        return path.exists()
    except PermissionError:
        return False


def _existing(path: Path, source: str) -> Path:
    try:
        there = path.exists()
    except PermissionError as error:
        raise SegkitError(f"{source}: folder {path} cannot be entered: {error.strerror}", "check its rights") from None
    if not there:
        raise SegkitError(f"{source}: folder {path} does not exist", "say where the data are: --data-root DIR")
    if not path.is_dir():
        raise SegkitError(f"{source}: {path} is a file", "give the folder that holds the dataset's files")
    return path


def _sample(
    dataset_name: str, reader_class: type[DatasetReader], params: Any, progress: Callable[[str], None] | None
) -> Path:
    name = dataset_name.rpartition(":")[2]
    make_sample = getattr(reader_class, "make_sample", None)
    if make_sample is None:
        raise SegkitError(
            f"no data for dataset {name}, and it makes no sample of its own",
            f"give its folder with --data-root, or put it in SEGKIT_DATA/{name}",
        )
    reader_version = getattr(reader_class, "reader_version", 0)
    made_by = f"{reader_class.__module__}.{reader_class.__qualname__}"
    identity = [name, made_by, __version__, reader_version, component_params.plain(params)]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    final = cache_folder() / "samples" / f"{name}-{digest[:12]}"
    if _is_there(final / MARKER):
        return final
    with writing(f"the generated sample of dataset {name}", final.parent), locked(final):
        if (final / MARKER).is_file():
            return final
        if progress is not None:
            progress(f"generating a sample of dataset {name}")
        with new_folder(final) as folder:
            make_sample(folder, params)
            if not any(folder.iterdir()):
                raise SegkitError(
                    f"dataset {name} generated an empty sample", "give the data's folder with --data-root"
                )
            marker = {"generated_sample": True, "segkit": __version__, "dataset": dataset_name}
            (folder / MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")
    return final

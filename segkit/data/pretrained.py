"""Published weights that networks start from: what a plugin declares of them, and what of them lies in the cache."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from segkit.data.download import Progress, fetch, file_name
from segkit.data.folders import locked, writing
from segkit.data.roots import cache_folder
from segkit.errors import SegkitError
from segkit.files import read_json, write_json
from segkit.files.tensors import read_tensor_file

FOLDER = "weights"
"""In the cache: one folder for each name, as the publisher has it."""
FILE = "model.safetensors"
RECORD = "about.json"
NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*\Z")


@dataclass(frozen=True)
class PretrainedWeights:
    """Weights that somebody publishes as one safetensors file.

    Attributes:
        name: as their publisher calls them, such as "timm/resnet18.a1_in1k".
        url: of the file.
        licence: in a word, such as "apache-2.0"; empty where the publisher's library does not say.
        homepage: where to read about them.
        sha256: of the file, where it is known; another file is then refused.
        beside: addresses of small files that belong to it and are kept beside it.
        elsewhere: the file in the cache of the library that publishes it, where it is there.
    """

    name: str
    url: str
    licence: str = ""
    homepage: str = ""
    sha256: str = ""
    beside: tuple[str, ...] = ()
    elsewhere: Path | None = None

    def __post_init__(self) -> None:
        if not NAME.match(self.name):
            raise ValueError(f"{self.name!r} is no name of weights: use letters, digits, ._- and / between them")


@dataclass(frozen=True)
class KeptWeights:
    """A file of weights in the cache; of one that somebody put there by hand, only name, path and size are known."""

    name: str
    path: Path
    bytes: int
    url: str = ""
    licence: str = ""
    homepage: str = ""
    sha256: str = ""


def place_of(weights: PretrainedWeights) -> Path:
    """Return where the cache has the file, or would have it."""
    return cache_folder() / FOLDER / weights.name / FILE


def at_hand(weights: PretrainedWeights) -> Path | None:
    """Return the file in segkit's cache, else in that of the library that publishes it; None where it is in neither."""
    places = (place_of(weights), weights.elsewhere)
    return next((path for path in places if path is not None and path.is_file()), None)


def first_weights(chosen: bool | Path, published: PretrainedWeights | None) -> Path | None:
    """Return the file that `arch.pretrained` starts from.

    Args:
        chosen: the param's value: a file of the user's, true for what is published, or false.
        published: what the component's `pretrained` function returns.

    Returns:
        None where nothing is to be loaded, or what is published is not at hand.
    """
    if isinstance(chosen, Path):
        return chosen
    return at_hand(published) if chosen and published is not None else None


def how_to_bring(weights: PretrainedWeights) -> str:
    """Say which files to bring where there is no connection, and where to put them."""
    files = " and ".join((weights.url, *weights.beside))
    return (
        f"where there is a connection download {files}, put it into {place_of(weights).parent}, "
        "or say --set arch.pretrained=FILE"
    )


def download_weights(weights: PretrainedWeights, progress: Progress) -> KeptWeights:
    """Fetch weights into the cache, going on with what an earlier call left; what is there already is only hashed.

    Raises:
        SegkitError: the server refuses, the disk is full, or what it sends is no safetensors file or another one.
    """
    target = place_of(weights)
    with writing(f"the weights {weights.name}", target.parent), locked(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        for url in weights.beside:
            fetch(url, target.with_name(file_name(url)), progress)
        brought = target.is_file()
        fetched = fetch(weights.url, target, progress)
        try:
            read_tensor_file(target)
            if weights.sha256 and fetched.sha256 != weights.sha256:
                raise SegkitError(f"its SHA-256 is {fetched.sha256}, not {weights.sha256}", "")
        except SegkitError as error:
            if brought:  # by hand, as `how_to_bring` says: it is not ours to delete
                raise SegkitError(
                    f"{target} holds no weights {weights.name}: {error.message}",
                    f"take the file away, and run the same command again to fetch {weights.url}",
                ) from error
            target.unlink()
            raise SegkitError(
                f"{weights.url} gave no weights {weights.name}: {error.message}",
                f"see {weights.homepage or 'its publisher'}, and run the same command again",
            ) from error
        known = {"url": weights.url, "licence": weights.licence, "homepage": weights.homepage}
        write_json(target.with_name(RECORD), known | {"sha256": fetched.sha256})
    return KeptWeights(weights.name, target, fetched.bytes, **known, sha256=fetched.sha256)


def list_weights() -> list[KeptWeights]:
    """Return what lies in segkit's cache, by name; raises SegkitError where a record is damaged."""
    folder = cache_folder() / FOLDER
    return [kept(path, folder) for path in sorted(folder.rglob(FILE)) if path.is_file()]


def kept(path: Path, folder: Path) -> KeptWeights:
    """Describe a file of the cache by the record beside it."""
    record = read_json(path.with_name(RECORD), dict, absent="{}")
    known = {key: str(record.get(key) or "") for key in ("url", "licence", "homepage", "sha256")}
    return KeptWeights(path.parent.relative_to(folder).as_posix(), path, path.stat().st_size, **known)

"""What the factory of a dataset component has to offer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from segkit.data.case import Case, Problem, Sample
from segkit.declarations import Task

SPLITS = ("train", "val", "test")


class DatasetReader(Protocol):
    """A dataset on disk: a class whose instances list and read cases.

    Where a file can be decoded faster at a part of its scale, a reader may also offer
    `read_resized(case, size) -> Sample`: as `read`, but with the image on the grid `size`, resampled linearly with
    antialiasing, and the sample's `grid` given (`segkit.data.reading`).

    Attributes:
        task: in_channels, classes and spatial dims of the files themselves (2 photographs, 3 volumes).
        recipe: config fields that suit this data, such as {"data.size": (128, 128), "components.loss": "bce + dice"}.
        reader_version: part of the store's key; raise it when `read` returns something else than before.
    """

    task: Task
    recipe: Mapping[str, Any]
    reader_version: int

    def __init__(self, root: Path, params: Any) -> None:
        """Look at the folders under `root`; raises SegkitError where they are not this dataset's."""

    @classmethod
    def download(cls, root: Path, params: Any, progress: Callable[[str, int, int], None]) -> None:
        """Fetch the data into `root`; progress(what, done, total) in bytes.

        `segkit.data.archives.download_archives` does it for zip archives.
        """

    @classmethod
    def make_sample(cls, root: Path, params: Any) -> None:
        """Write a small generated dataset into the empty folder `root`, in the real data's layout."""

    def cases(self, split: str) -> Sequence[Case]:
        """Return the cases of "train", "val" or "test", without reading pixels; empty where there is no such split.

        Raises:
            SegkitError: files are missing or in the way; `verify` returns the same one by one.
        """

    def read(self, case: Case) -> Sample:
        """Read one case at its own resolution; raises SegkitError naming the file and what is wrong."""

    def verify(self, progress: Callable[[int, int], None] | None = None) -> Sequence[Problem]:
        """Read everything and return all that is wrong, what `cases` raises included; progress(done, total) cases."""

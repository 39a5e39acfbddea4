"""Read the official ISIC folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from segkit import Case, Problem, Sample, Task, UnusableFileError
from segkit.data.at_once import check_each
from segkit.data.orientation import DOUBTFUL, doubtful
from segkit.data.remarks import Remark, sentences
from segkit_isic import hair, layout
from segkit_isic.images import read_pair, read_pair_resized
from segkit_isic.listing import list_cases, problems_of, raise_faults, superpixels
from segkit_isic.params import IsicParams
from segkit_isic.recipe import RECIPE


class IsicReader:
    """The ISIC challenge data of one year, as unpacked from the official archives.

    Raises:
        SegkitError: the root is not ISIC data.
    """

    task = Task(in_channels=3, classes=("lesion",), spatial_dims=2)
    recipe: Mapping[str, Any] = RECIPE
    reader_version = 2

    def __init__(self, root: Path, params: IsicParams) -> None:
        self.root = Path(root)
        self.year = layout.detect_year(self.root, params.year)
        self._cases, self._faults = list_cases(self.root, layout.YEARS[self.year])
        self.hair = params.hair
        if self.hair != "none":
            self.task = replace(self.task, classes=hair.CLASSES, overlapping=self.hair == "overlapping")
            folders = layout.YEARS[self.year]
            self._cases = {
                split: hair.with_hair(cases, self.root, folders[split]) for split, cases in self._cases.items()
            }
        self.left_out = superpixels(self.root, layout.YEARS[self.year])

    @classmethod
    def download(cls, root: Path, params: IsicParams, progress: Callable[[str, int, int], None]) -> None:
        """Fetch the official archives of a year, 2017 where none is asked for, and unpack them into `root`.

        SEGKIT_ISIC_MIRROR names another base address. Raises what `segkit.data.archives.download_archives` raises.
        """
        from segkit.data.archives import download_archives

        year = "2017" if params.year == "auto" else params.year
        download_archives(layout.archive_urls(year), root, progress)

    @classmethod
    def make_sample(cls, root: Path, params: IsicParams) -> None:
        """Write generated dermoscopy-like pairs into the empty folder `root`, in the folders of 2017."""
        from segkit_isic.sample import write_sample

        write_sample(root, params.sample_seed, hair=params.hair != "none")

    def cases(self, split: str) -> Sequence[Case]:
        """Return the cases of "train", "val" or "test", sorted by id; empty where the split is not there.

        Raises:
            SegkitError: the listing shows files that cannot be used: each kind of fault and the first file with it.
        """
        raise_faults(self._faults)
        return tuple(self._cases.get(split, ()))

    def read(self, case: Case) -> Sample:
        """Read one photograph and its mask.

        Returns:
            uint8 image (3, H, W) and uint8 mask (H, W), 1 where the file's grey value is above 128.

        Raises:
            SegkitError: names the file that cannot be used, and why.
        """
        image, mask = read_pair(self.root, *self._names(case))
        return Sample(image=image, mask=self._with_hair(mask, case))

    def read_resized(self, case: Case, size: tuple[int, ...]) -> Sample:
        """Read one photograph on a grid of `size`, and its mask at its own resolution.

        Returns:
            uint8 image (3, *size) and uint8 mask (H, W), 1 where the file's grey value is above 128.

        Raises:
            SegkitError: names the file that cannot be used, and why.
        """
        height, width = size
        image, mask = read_pair_resized(self.root, *self._names(case), (height, width))
        return Sample(image=image, mask=self._with_hair(mask, case), grid=mask.shape)

    def _with_hair(self, mask: np.ndarray, case: Case) -> np.ndarray:
        if self.hair == "none":
            return mask
        return hair.joined(mask, self.root, case, overlapping=self.task.overlapping)

    def _names(self, case: Case) -> tuple[str, str]:
        image, mask = (path.relative_to(self.root).as_posix() for path in case.files[:2])
        return image, mask

    def remarks(self) -> Sequence[str]:
        """Return which photographs' EXIF orientation leaves open how they lie on their masks, in a sentence."""
        files = [case.files for split in self._cases.values() for case in split]
        remark = Remark("orientation", f"{DOUBTFUL}: it is turned; save both without an orientation")
        return sentences((path.relative_to(self.root).as_posix(), remark) for path in doubtful(files))

    def verify(self, progress: Callable[[int, int], None] | None = None) -> Sequence[Problem]:
        """Read every pair and return what is wrong, masks that mark nothing or everything included."""
        every = [case for split in self._cases.values() for case in split]
        return [*problems_of(self._faults), *check_each(self._check, every, progress)]

    def _check(self, case: Case) -> Problem | None:
        try:
            mask = self.read(case).mask
        except UnusableFileError as problem:
            return Problem(problem.file, problem.reason, problem.hint)
        if np.any(mask) and not np.all(mask):
            return None
        marked = "every pixel as" if np.any(mask) else "no pixel as"
        return Problem(case.files[1].relative_to(self.root).as_posix(), f"marks {marked} lesion")

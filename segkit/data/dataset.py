"""What the factory of a dataset component has to offer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from segkit.data.case import Case, Problem, Sample
from segkit.data.origin import Origin
from segkit.declarations import Task

if TYPE_CHECKING:
    import numpy as np

SPLITS = ("train", "val", "test")


class DatasetReader(Protocol):
    """A dataset on disk: a class whose instances list and read cases.

    What a reader may offer besides:
    - `read_resized(case, size) -> Sample`, where a file can be decoded faster at a part of its scale: as `read`, but
      with the image on the grid `size`, resampled linearly with antialiasing, and the sample's `grid` given
      (`segkit.data.reading`). It is for photographs: volumes are read by `read`.
    - `modes`, names of those that its component declares, where it depends on the files which of them are possible.
    - `unscored() -> sequence of Case`: images that have no reference, such as a test split that is published without
      masks; a run predicts them and scores nothing (`read` gives them without a mask).
    - `left_out`, a mapping from files under the root that belong to no case to the reason, and `describing`, the files
      that say how the others are to be read: `segkit data info` accounts for every file (`segkit.data.inventory`).
    - `dealt_splits`, the splits that it dealt out itself, by a seed: a test split that nobody but segkit made is called
      so beside its scores.
    - `describe() -> sequence of (label, text)`: how it understood the files, such as where the validation cases come
      from; `segkit data info` shows it before anything is trained.
    - `remarks() -> sequence of str`: what whoever uses the data must know although all of it can be used, a sentence
      each with a file's name, such as headers that contradict themselves (`segkit.data.remarks` joins those of many
      files); a run begins with them, `segkit data info` and `verify` tell them too.
    - `read_geometry(case) -> (shape, spacing)`, as of `read`'s sample but from a volume's header alone: patches are
      then taken at the median spacing of the training cases without each of them being read once more for that, and
      the recipe's sizes are shrunk to the volumes.
    - `datasets`, names, and `dataset_of(case_id) -> name`, where cases come from several collections or places: scores
      are told for each of them, too; `deals_evenly` where an epoch is to show as many of each.
    - `samples_of_readers(case) -> mapping of str to Sample`, where several people drew a case's mask: the case as each
      of them drew it, by name, in the task's classes; a run tells scores against each and how far they agree.
    - `averages_readings`: whether the mean of the drawings of one image (`Case.reading_of`) is trained on, a soft
      target, in the place of one that is drawn at random every epoch.
    - what `LabelFiles` describes, where its files have a format of their own.

    A volume is given in RAS orientation, its axes in the order D (inferior to superior), H (posterior to anterior),
    W (left to right), with spacing and affine in that order.

    Attributes:
        task: in_channels, classes and spatial dims of the files themselves (2 photographs, 3 volumes).
        recipe: config fields that suit this data, such as {"data.size": (128, 128), "components.loss": "bce + dice"};
            what suits one mode only is a mapping under the mode's name: {"patches": {"data.size": (32, 64, 64)}}.
        reader_version: part of the store's key, beside the source of the class and of what its modules have from
            plugins' packages; raise it when `read` returns something else for another reason.
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


def formats_of(reader: Any, spatial_dims: int) -> Mapping[str, str]:
    """Return in which formats a reader writes label maps of images of so many axes; none where it has one way."""
    planes = getattr(reader, "plane_formats", None) if spatial_dims == 2 else None
    found: Mapping[str, str] = planes or getattr(reader, "formats", None) or {}
    return found


class LabelFiles(Protocol):
    """How files outside of a dataset are read and predictions written, in its own format; all of it optional.

    Without it predictions of photographs are palette PNG, those of volumes .npz. Every method is a classmethod or
    static: `segkit predict` calls it on files that belong to no dataset.

    Attributes:
        suffixes: of the files that `open_file` reads, small letters, such as (".nii", ".nii.gz"); the first that fits a
            whole name's end counts.
        formats: where label maps can be written in several formats, the end of the file's name by the format's, the
            usual one first: {"nifti": ".nii.gz", "dicom-seg": ".dcm"}. `write_labels_as` is then used in the place of
            `write_labels`, and `segkit predict --format` takes the names.
        plane_formats: the same of label maps of photographs, where these are written in others.
    """

    suffixes: tuple[str, ...]
    formats: Mapping[str, str]
    plane_formats: Mapping[str, str]

    @classmethod
    def open_file(cls, path: Path) -> Sample:
        """Read one image, without a mask, oriented as `read` orients; raises SegkitError that names the file."""

    @classmethod
    def is_image(cls, path: Path) -> bool:
        """Tell whether a folder is one image, or a file that is called like none is an image or a part of one.

        It is asked of every folder that people name and of all below it, and of files with other endings than
        `suffixes`; `segkit predict` and `explain` do not look into a folder that is an image.
        """

    @classmethod
    def gather(cls, paths: Sequence[Path], channels: int) -> Sequence[tuple[str | None, tuple[Path, ...]]]:
        """Tell which of some files are one image of `channels` channels, where that may be several.

        Returns:
            What each image is called (None: as its file), and its files in the order of their channels.
        """

    @classmethod
    def identify(cls, files: Sequence[Path]) -> Mapping[str, str]:
        """Return who and what stands behind an image that `gather` or the dataset calls by a name that hides it.

        `segkit run` and `predict` write it where people say `--keep-ids FILE`, and nowhere else.

        Args:
            files: of one image.
        """

    @classmethod
    def open_files(cls, paths: Sequence[Path], channels: int) -> Sample:
        """Read one image as `open_file` does, from its file or the files of its channels in their order.

        Raises:
            SegkitError: also where it has another number of channels; it names what is missing.
        """

    @classmethod
    def write_labels(cls, stem: Path, labels: np.ndarray, like: Path) -> Path:
        """Write a label map (*S) on the oriented grid as a file beside which `like` can be laid.

        Args:
            stem: folder and name without the suffix, which is the format's.
            like: the image it belongs to; its orientation, grid, affine and header codes are taken.

        Returns:
            The file that was written, whole or not at all.
        """

    @classmethod
    def write_labels_as(cls, form: str, stem: Path, labels: np.ndarray, origin: Origin) -> Path:
        """Write a label map (*S) on the oriented grid in one of `formats`.

        Args:
            stem: as of `write_labels`.
            origin: the image that it belongs to, all of its files, and what made it.
        """

    @classmethod
    def write_probabilities_as(cls, form: str, stem: Path, values: np.ndarray, origin: Origin) -> Sequence[Path]:
        """Write probabilities on the oriented grid beside a label map in one of `formats`, where it can hold them.

        Args:
            values: (K', *S) float16, which may lie in a file: the foreground's for one class, else one per label.

        Returns:
            The files, whose names begin with `stem`'s; none where the format holds labels alone.
        """

    @classmethod
    def write_map(cls, stem: Path, values: np.ndarray, like: Path) -> Path:
        """Write numbers (*S) on the oriented grid, such as a heat map, as float32; otherwise as `write_labels`."""

    @classmethod
    def read_labels(cls, path: Path) -> np.ndarray:
        """Read a label map (*S) that `write_labels` or others wrote, on the oriented grid, in an integer type."""

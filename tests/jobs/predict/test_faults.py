"""What goes wrong with one image."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from segkit.errors import SegkitError
from segkit.jobs.predict.faults import fault_of
from segkit.jobs.predict.inputs import Input

ITEM = Input((Path("folder/a.png"),), "a-1")


def caused(error: Exception, cause: Exception) -> Exception:
    """An error raised from another."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SegkitError("a.png is damaged", "mend it"), "a.png is damaged; mend it"),
        (SegkitError("logits are no numbers", "look"), "a.png: logits are no numbers; look"),
        (ValueError("two\nlines"), "a.png cannot be predicted (ValueError: two lines); check the file, or report it"),
        (MemoryError(), "a.png (4 x 5) does not fit into memory; check its size, or use --device cpu"),
        (OSError(errno.EACCES, "no"), "a.png cannot be predicted (PermissionError: [Errno 13] no); check the file, or"),
    ],
)
def test_one_image_s_fault_is_a_sentence_with_its_name(error: Exception, said: str) -> None:
    """Named once, with the way out."""
    assert str(fault_of(ITEM, error, (4, 5))).startswith(said)


def test_without_a_grid_none_is_told() -> None:
    """The file may not even have been read."""
    assert fault_of(ITEM, MemoryError()).message == "a.png does not fit into memory"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_what_every_image_would_meet_ends_all(number: int) -> None:
    """A full disk and the like, also as the cause of a sentence; another file's fault is its own."""
    full = OSError(number, "full")
    for error in (full, caused(SegkitError("a.png cannot be written"), full)):
        with pytest.raises(type(error)) as caught:
            fault_of(ITEM, error)
        assert caught.value is error
    own = caused(SegkitError("a.png cannot be written"), OSError(errno.EACCES, "no"))
    assert fault_of(ITEM, own) is own

"""What goes wrong with one image, in a sentence that names it; the others go on."""

from __future__ import annotations

import errno

from segkit.engine.memory import out_of_memory
from segkit.errors import SegkitError, one_line
from segkit.jobs.predict.inputs import Input

EVERYBODY = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Reasons of a failing write that the next image would meet too."""


def fault_of(item: Input, error: Exception, shape: tuple[int, ...] = ()) -> SegkitError:
    """Return an error about one image; raises it again where it would end every other one too, as a full disk does.

    Args:
        shape: of the image's own grid, where it is known.
    """
    cause = error if isinstance(error, OSError) else error.__cause__
    if isinstance(cause, OSError) and cause.errno in EVERYBODY:
        raise error
    if isinstance(error, SegkitError):
        named = any(name in error.message for name in (item.label, item.path.name))
        return error if named else error.of(item.label)
    if out_of_memory(error):
        size = f" ({' x '.join(map(str, shape))})" if shape else ""
        return SegkitError(f"{item.label}{size} does not fit into memory", "check its size, or use --device cpu")
    reason = one_line(f"{type(error).__name__}: {error}")
    return SegkitError(f"{item.label} cannot be predicted ({reason})", "check the file, or report it")

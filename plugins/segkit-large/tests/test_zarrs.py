"""OME-Zarr images of both versions: levels, units, chunks that are not there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from segkit import UnusableFileError
from segkit_large.zarrs import is_zarr, open_zarr

SHAPE = (3, 100, 130)
VALUES = np.random.default_rng(0).integers(1, 256, SHAPE).astype(np.uint8)


def write(path: Path, version: int, axes: str = "cyx", unit: str | None = "micrometer") -> None:
    """Write an image of two levels."""
    group = zarr.open_group(str(path), mode="w", zarr_format=2 if version == 4 else 3)
    units = {axis: {"unit": unit} if unit and axis in "yx" else {} for axis in axes}
    named = [{"name": axis, "type": "space" if axis in "zyx" else "channel", **units[axis]} for axis in axes]
    extra = len(axes) - 3
    datasets = []
    for level, step in enumerate((1, 2)):
        values = VALUES[:, ::step, ::step].reshape(*[1] * extra, 3, -(-100 // step), -(-130 // step))
        chunks = (*[1] * (extra + 1), 32, 64)
        array = group.create_array(str(level), shape=values.shape, dtype="uint8", chunks=chunks)
        array[...] = values
        scale = [*[1.0] * (extra + 1), 0.5 * step, 0.25 * step]
        datasets.append({"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": scale}]})
    told = {"multiscales": [{"version": f"0.{version}", "axes": named, "datasets": datasets}]}
    group.attrs.update(told if version == 4 else {"ome": told})


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("axes", ["cyx", "tzcyx"])
def test_both_versions_and_levels(tmp_path: Path, version: int, axes: str) -> None:
    """Rectangles of every level are the image's, with its micrometres, whatever axes of length 1 there are."""
    write(tmp_path / "a.zarr", version, axes)
    assert is_zarr(tmp_path / "a.zarr")
    for level, step in enumerate((1, 2)):
        opened = open_zarr(tmp_path / "a.zarr", "a.zarr", level)
        assert np.array_equal(np.asarray(opened.array), VALUES[:, ::step, ::step])
        assert np.array_equal(opened.array[:, 3:40, 11:29], VALUES[:, ::step, ::step][:, 3:40, 11:29])
        assert opened.spacing == pytest.approx((0.0005 * step, 0.00025 * step))


def test_a_plain_array_is_an_image(tmp_path: Path) -> None:
    """An array without a word about levels has one, and no spacing."""
    zarr.save_array(str(tmp_path / "a.zarr"), VALUES[0])
    opened = open_zarr(tmp_path / "a.zarr", "a")
    assert opened.spacing is None
    assert np.array_equal(np.asarray(opened.array), VALUES[0])


@pytest.mark.parametrize("version", [4, 5])
def test_a_missing_chunk_is_refused_or_empty(tmp_path: Path, version: int) -> None:
    """A chunk without a file may be lost or empty: refused where it is read, with the way to say that it is empty."""
    write(tmp_path / "a.zarr", version)
    files = (path for path in sorted((tmp_path / "a.zarr" / "0").rglob("*")) if path.is_file())
    chunk = next(path for path in files if not path.name.startswith((".", "zarr")))
    chunk.unlink()
    with pytest.raises(UnusableFileError, match=r"a\.zarr lacks the chunk") as told:
        np.asarray(open_zarr(tmp_path / "a.zarr", "a.zarr").array)
    assert "data.missing_chunks=empty" in told.value.hint
    empty = np.asarray(open_zarr(tmp_path / "a.zarr", "a.zarr", missing="empty").array)
    assert (empty == 0).sum() > 0
    assert np.array_equal(empty[empty > 0], VALUES[empty > 0])


def test_a_damaged_chunk_is_told(tmp_path: Path) -> None:
    """What no codec takes is the fault of its file."""
    write(tmp_path / "a.zarr", 5)
    chunk = next(path for path in sorted((tmp_path / "a.zarr" / "0" / "c").rglob("*")) if path.is_file())
    chunk.write_bytes(b"\x00" * 7)
    with pytest.raises(UnusableFileError, match=r"a\.zarr cannot be read"):
        np.asarray(open_zarr(tmp_path / "a.zarr", "a.zarr").array)


def test_levels_and_planes_that_are_not_there(tmp_path: Path) -> None:
    """A level beyond the last, a stack, an image without its description, an empty folder: each is told."""
    write(tmp_path / "a.zarr", 4)
    with pytest.raises(UnusableFileError, match="has levels 0 to 1, and level 2 was asked for"):
        open_zarr(tmp_path / "a.zarr", "a", 2)
    found = json.loads((tmp_path / "a.zarr" / ".zattrs").read_text())
    found["multiscales"][0]["axes"][0]["name"] = "z"
    (tmp_path / "a.zarr" / ".zattrs").write_text(json.dumps(found))
    with pytest.raises(UnusableFileError, match="more than one plane \\(3 along z\\)"):
        open_zarr(tmp_path / "a.zarr", "a")
    (tmp_path / "a.zarr" / ".zattrs").write_text("{}")
    with pytest.raises(UnusableFileError, match="is no OME-Zarr image"):
        open_zarr(tmp_path / "a.zarr", "a")
    shutil.rmtree(tmp_path / "a.zarr")
    (tmp_path / "a.zarr").mkdir()
    assert not is_zarr(tmp_path / "a.zarr")


def test_units_that_are_not_said(tmp_path: Path) -> None:
    """Without a unit a scale says nothing of micrometres."""
    write(tmp_path / "a.zarr", 5, unit=None)
    assert open_zarr(tmp_path / "a.zarr", "a").spacing is None

"""TIFFs of every form: each rectangle is what tifffile reads as a whole, and damage is told with its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from segkit import UnusableFileError
from segkit_large.opened import Channels
from segkit_large.tiff import open_tiff

RANDOM = np.random.default_rng(1)
SHAPE = (150, 220)


def colours() -> np.ndarray:
    """Random smooth colours (H, W, 3) uint8."""
    coarse = np.random.default_rng(0).integers(0, 256, (15, 22, 3))
    return np.kron(coarse, np.ones((10, 10, 1))).astype(np.uint8)


GREY = colours()[..., 0]
FORMS: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "tiled": (colours(), {"tile": (64, 48), "photometric": "rgb"}),
    "tiled, deflate": (colours(), {"tile": (64, 64), "photometric": "rgb", "compression": "zlib", "predictor": True}),
    "tiled, LZW": (colours(), {"tile": (64, 64), "photometric": "rgb", "compression": "lzw"}),
    "striped": (colours(), {"rowsperstrip": 7, "photometric": "rgb"}),
    "one strip": (GREY, {}),
    "planar": (colours().transpose(2, 0, 1), {"tile": (64, 64), "photometric": "rgb", "planarconfig": "separate"}),
    "planar strips": (
        colours().transpose(2, 0, 1),
        {"rowsperstrip": 9, "photometric": "rgb", "planarconfig": "separate"},
    ),
    "grey": (GREY, {"tile": (32, 32)}),
    "16 bit": (GREY.astype(np.uint16) * 200, {"tile": (64, 64), "compression": "zlib"}),
    "16 bit colours": (colours().astype(np.uint16) * 257, {"tile": (64, 64), "photometric": "rgb"}),
    "floats": (GREY.astype(np.float32) / 7, {"tile": (64, 64)}),
    "BigTIFF": (colours(), {"tile": (64, 64), "photometric": "rgb", "bigtiff": True}),
    "big-endian": (GREY.astype(np.uint16), {"tile": (64, 64), "byteorder": ">"}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_rectangle_is_that_of_the_whole(tmp_path: Path, form: str) -> None:
    """Whatever the layout, compression and depth, a part is the part of what tifffile decodes."""
    values, options = FORMS[form]
    tifffile.imwrite(tmp_path / "a.tif", values, metadata=None, **options)
    array = open_tiff(tmp_path / "a.tif", "a.tif").array
    whole = tifffile.imread(tmp_path / "a.tif")
    whole = whole.transpose(2, 0, 1) if whole.ndim == 3 and whole.shape[-1] == 3 else whole
    assert array.shape == whole.shape
    assert array.dtype == whole.dtype
    for rows, columns in (
        (slice(0, 150), slice(0, 220)),
        (slice(3, 71), slice(60, 70)),
        (slice(149, 150), slice(219, 220)),
    ):
        assert np.array_equal(array[..., rows, columns], whole[..., rows, columns])


def test_jpeg_in_colours_is_decoded_as_tifffile_does(tmp_path: Path) -> None:
    """JPEG-compressed tiles in YCbCr, as scanners write them, come as red, green and blue."""
    tifffile.imwrite(tmp_path / "a.tif", colours(), tile=(64, 64), photometric="rgb", compression="jpeg", metadata=None)
    array = open_tiff(tmp_path / "a.tif", "a.tif").array
    whole = tifffile.imread(tmp_path / "a.tif").transpose(2, 0, 1)
    assert np.array_equal(array[:, 10:140, 50:200], whole[:, 10:140, 50:200])
    assert np.abs(np.asarray(array).astype(int) - colours().transpose(2, 0, 1)).mean() < 12


def test_a_palette_is_colours_as_an_image_and_values_as_a_mask(tmp_path: Path) -> None:
    """An image's palette is looked up; a mask's indices are its labels."""
    labels = RANDOM.integers(0, 3, SHAPE).astype(np.uint8)
    table = RANDOM.integers(0, 65536, (3, 256)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", labels, photometric="palette", colormap=table, tile=(64, 64), metadata=None)
    assert np.array_equal(np.asarray(open_tiff(tmp_path / "a.tif", "a", labels=True).array), labels)
    assert np.array_equal(
        np.asarray(open_tiff(tmp_path / "a.tif", "a").array), (table >> 8).astype(np.uint8)[:, labels]
    )


def test_white_is_light_whatever_stands_for_it(tmp_path: Path) -> None:
    """Where 0 stands for white, values are turned round."""
    tifffile.imwrite(tmp_path / "a.tif", 255 - GREY, photometric="miniswhite", tile=(64, 64), metadata=None)
    assert np.array_equal(np.asarray(open_tiff(tmp_path / "a.tif", "a").array), GREY)


def test_sixteen_bits_become_shares_of_the_whole_range(tmp_path: Path) -> None:
    """What a network is given of 16 bits lies in 0 to 1."""
    tifffile.imwrite(tmp_path / "a.tif", FORMS["16 bit"][0], tile=(64, 64), metadata=None)
    found = Channels(open_tiff(tmp_path / "a.tif", "a").array)
    assert (found.dtype, found.shape) == (np.float32, (1, *SHAPE))
    assert np.allclose(np.asarray(found)[0], FORMS["16 bit"][0] / 65535)


def test_channels_of_an_ome_tiff_in_pages_of_their_own(tmp_path: Path) -> None:
    """Several channels are the channels of one image, with the micrometres that OME says."""
    values = RANDOM.integers(0, 256, (4, *SHAPE)).astype(np.uint8)
    said = {"axes": "CYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}
    tifffile.imwrite(tmp_path / "a.ome.tif", values, tile=(64, 64), metadata=said)
    opened = open_tiff(tmp_path / "a.ome.tif", "a")
    assert np.array_equal(np.asarray(opened.array), values)
    assert opened.spacing == pytest.approx((0.00025, 0.0005))


def pyramid(path: Path) -> None:
    """Write an image with two coarser levels, 0.5 micrometres per pixel."""
    with tifffile.TiffWriter(path) as writer:
        said = {"tile": (64, 64), "photometric": "rgb", "metadata": None, "resolutionunit": "CENTIMETER"}
        writer.write(colours(), subifds=2, resolution=(20000, 20000), **said)
        for step in (2, 4):
            level = np.ascontiguousarray(colours()[::step, ::step])
            writer.write(level, subfiletype=1, resolution=(20000 / step,) * 2, **said)


def test_levels_of_a_pyramid(tmp_path: Path) -> None:
    """A coarser level is an image of its own, whose pixels are as much larger."""
    pyramid(tmp_path / "a.tif")
    opened = open_tiff(tmp_path / "a.tif", "a", level=1)
    assert np.array_equal(np.asarray(opened.array), colours()[::2, ::2].transpose(2, 0, 1))
    assert opened.spacing == pytest.approx((0.001, 0.001))
    with pytest.raises(UnusableFileError, match="has levels 0 to 2, and level 3 was asked for") as told:
        open_tiff(tmp_path / "a.tif", "a", level=3)
    assert "data.level" in told.value.hint


def test_a_printer_s_resolution_says_nothing(tmp_path: Path) -> None:
    """72 pixels per inch are no micrometres per pixel; ImageJ's microns and Aperio's MPP are."""
    tifffile.imwrite(tmp_path / "a.tif", GREY, resolution=(72, 72), resolutionunit="INCH", metadata=None)
    assert open_tiff(tmp_path / "a.tif", "a").spacing is None
    tifffile.imwrite(tmp_path / "b.tif", GREY, imagej=True, resolution=(4, 4), metadata={"unit": "micron"})
    assert open_tiff(tmp_path / "b.tif", "b").spacing == pytest.approx((0.00025, 0.00025))
    tifffile.imwrite(tmp_path / "c.tif", GREY, description="Aperio Image|AppMag = 20|MPP = 0.4990", metadata=None)
    assert open_tiff(tmp_path / "c.tif", "c").spacing == pytest.approx((0.000499, 0.000499))


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.6, 0.97])
def test_a_truncated_file_is_told(tmp_path: Path, share: float) -> None:
    """Cut off anywhere, a tiled TIFF is refused with its name, at the latest where a lost tile is read."""
    pyramid(tmp_path / "a.tif")
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UnusableFileError, match=r"cut\.tif"):
        np.asarray(open_tiff(tmp_path / "cut.tif", "cut.tif").array)


def test_a_damaged_tile_is_told(tmp_path: Path) -> None:
    """Bytes that no decoder takes are the fault of their file."""
    tifffile.imwrite(tmp_path / "a.tif", colours(), tile=(64, 64), photometric="rgb", compression="zlib", metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        offset = file.pages[0].dataoffsets[3]  # type: ignore[union-attr]
    data = bytearray((tmp_path / "a.tif").read_bytes())
    data[offset : offset + 20] = bytes(20)
    (tmp_path / "a.tif").write_bytes(bytes(data))
    with pytest.raises(UnusableFileError, match=r"a\.tif is damaged"):
        np.asarray(open_tiff(tmp_path / "a.tif", "a.tif").array)


def test_what_is_no_plane_of_channels_is_refused(tmp_path: Path) -> None:
    """Stacks, alpha channels, turned images and giant strips have no one reading."""
    tifffile.imwrite(tmp_path / "stack.ome.tif", np.zeros((5, 64, 64), np.uint8), metadata={"axes": "ZYX"})
    with pytest.raises(UnusableFileError, match="more than one plane"):
        open_tiff(tmp_path / "stack.ome.tif", "stack")
    alpha = np.concatenate([colours(), colours()[..., :1]], axis=2)
    tifffile.imwrite(tmp_path / "alpha.tif", alpha, photometric="rgb", extrasamples=["unassalpha"], metadata=None)
    with pytest.raises(UnusableFileError, match="alpha channel"):
        open_tiff(tmp_path / "alpha.tif", "alpha")
    tifffile.imwrite(tmp_path / "turned.tif", GREY, extratags=[(274, 3, 1, 6, True)], metadata=None)
    with pytest.raises(UnusableFileError, match="orientation 6"):
        open_tiff(tmp_path / "turned.tif", "turned")


def test_an_image_in_one_giant_strip_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can only be decoded whole is not read in parts: the way out is to save it in tiles."""
    monkeypatch.setattr("segkit_large.tiff.LARGEST_PART", 1000)
    tifffile.imwrite(tmp_path / "a.tif", colours(), photometric="rgb", rowsperstrip=150, metadata=None)
    with pytest.raises(UnusableFileError, match="decoded whole") as told:
        open_tiff(tmp_path / "a.tif", "a")
    assert "tiles" in told.value.hint

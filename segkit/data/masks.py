"""Masks of photographs: what an image file says of every pixel, whatever form it says it in (issue 18)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from segkit.data.image_files import FORMATS, SWAPPING, hides, is_lossy, load, opened_image
from segkit.data.in_parts import values_of
from segkit.errors import UnusableFileError

THRESHOLD = 128
"""In a mask whose compression blurs values, brighter pixels are marked."""
PLATEAU = (32, 223)
"""Greys that black and white do not have, and flat areas of which no compression makes (measured: JPEG quality 5)."""
FLAT = 24
LEAST_PLATEAU = 4
COLOUR_NOISE = 24
"""How far a grey pixel's channels drift apart in a JPEG that is saved in colours."""
ALPHA_HINT = (
    "save it without an alpha channel: the colours on black, or the alpha alone as a grey image, whichever is the mask"
)
ONE_NUMBER = "save it with one number or colour per pixel: a grey, palette or RGB PNG"
THRESHOLD_HINT = "take brighter pixels for the class with --set data.threshold=128"


@dataclass(frozen=True)
class MaskImage:
    """A mask as its file has it, not yet labels.

    Attributes:
        values: (H, W) grey values, uint8, int32 or float32; where `coloured`, 0xRRGGBB as int32.
        coloured: whether any pixel has a colour that is no grey.
        white: the grey value that stands for white.
        lossy: whether the file's compression changes values; grey or black and white then.
        indices: (H, W) uint8, of a palette image.
        palette: 0xRRGGBB of each index, of a palette image.
        turning: what would turn it as its EXIF orientation says, not done yet.
    """

    values: np.ndarray
    coloured: bool = False
    white: int = 255
    lossy: bool = False
    indices: np.ndarray | None = None
    palette: tuple[int, ...] = ()
    turning: Image.Transpose | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return int(self.values.shape[0]), int(self.values.shape[1])

    def turned(self, method: Image.Transpose | None) -> MaskImage:
        """Return it turned."""
        indices = None if self.indices is None else turn(self.indices, method)
        return replace(self, values=turn(self.values, method), indices=indices, turning=None)

    def colours(self) -> np.ndarray:
        """Return 0xRRGGBB of every pixel, int32; greys of more than 8 bits at the scale of 8."""
        if self.coloured:
            return self.values
        grey = self.values if self.white == 255 else np.rint(self.values * (255 / self.white))
        packed: np.ndarray = grey.astype(np.int32) * 0x010101
        return packed

    def brightness(self) -> np.ndarray:
        """Return grey values, of colours their luma (ITU-R 601-2)."""
        if not self.coloured:
            return self.values
        red, green, blue = (self.values >> shift & 255 for shift in (16, 8, 0))
        luma: np.ndarray = 0.299 * red + 0.587 * green + 0.114 * blue
        return luma


def read_mask(path: Path, file: str, formats: tuple[str, ...] = FORMATS) -> MaskImage:
    """Read a mask's file, not turned.

    Args:
        file: how messages call it.

    Raises:
        UnusableFileError: it cannot be read, or can be read in two ways: partly transparent, several pages or frames,
            colours in a JPEG.
    """
    with opened_image(path, file, formats) as opened:
        lossy = is_lossy(opened)
        turning, back = load(opened)
        if hides(opened):
            raise UnusableFileError(file, "is a mask that is partly transparent", ALPHA_HINT)
        mask = from_palette(opened, file) if opened.mode == "P" else from_pixels(opened, lossy, file)
        return replace(mask.turned(back), turning=turning)


def from_palette(opened: Image.Image, file: str) -> MaskImage:
    """Read a palette image by the colours that its indices stand for."""
    indices = np.asarray(opened)
    palette = packed(np.array(opened.getpalette("RGB") or [], np.uint8).reshape(-1, 3))
    used = values_of(indices)
    if used[-1] >= len(palette):
        raise UnusableFileError(file, f"is damaged: index {used[-1]} is not in its palette", "save it anew")
    table = tuple(int(colour) for colour in palette)
    if all(is_grey(table[index]) for index in used):
        return MaskImage((palette & 255).astype(np.uint8)[indices], indices=indices, palette=table)
    return MaskImage(palette[indices], coloured=True, indices=indices, palette=table)


def from_pixels(opened: Image.Image, lossy: bool, file: str) -> MaskImage:
    """Read an image without a palette."""
    mode = opened.mode
    if mode in ("1", "L", "LA"):
        return MaskImage(np.asarray(opened if mode == "L" else opened.convert("L")), lossy=lossy)
    if mode.startswith("I"):
        values = np.asarray(opened)
        return MaskImage(values.astype(np.int32), white=65535 if values.dtype == np.uint16 else int(values.max() or 1))
    if mode == "F":
        return MaskImage(np.asarray(opened), white=1)
    if mode not in ("RGB", "RGBA"):
        raise UnusableFileError(file, f"is no mask (its pixels are of mode {mode})", ONE_NUMBER)
    pixels = np.asarray(opened if mode == "RGB" else opened.convert("RGB"))
    if np.array_equal(pixels[..., 0], pixels[..., 1]) and np.array_equal(pixels[..., 0], pixels[..., 2]):
        return MaskImage(np.ascontiguousarray(pixels[..., 0]), lossy=lossy)
    if not lossy:
        return MaskImage(packed(pixels), coloured=True)
    if int((pixels.max(-1).astype(np.int16) - pixels.min(-1)).max()) > COLOUR_NOISE:
        reason = "is a mask in colours whose compression changes colours (JPEG)"
        raise UnusableFileError(file, reason, "save it as PNG, from where it was drawn")
    return MaskImage(np.asarray(opened.convert("L")), lossy=True)


def black_and_white(mask: MaskImage, file: str) -> np.ndarray:
    """Return which pixels of a mask whose compression blurs values are marked, bool (H, W).

    Raises:
        UnusableFileError: it has grey areas, or is all dark, and thresholding it would lose them.
    """
    values = mask.values
    highest = int(values.max())
    if 0 < highest <= THRESHOLD:
        raise UnusableFileError(
            file,
            f"has no pixel above {THRESHOLD} (its highest is {highest}) and would be read as empty",
            "save it as black and white, or as PNG, or say --set data.threshold=VALUE",
        )
    found = plateau(values)
    if found >= max(LEAST_PLATEAU, values.size // 2000):
        raise UnusableFileError(
            file,
            "has grey areas, but its compression (JPEG) keeps black and white apart only",
            f"save it as PNG, from where it was drawn; or {THRESHOLD_HINT}",
        )
    marked: np.ndarray = values > THRESHOLD
    return marked


def plateau(values: np.ndarray) -> int:
    """Count the grey pixels whose eight neighbours are nearly as grey: no rim of an area, and no compression's ring."""
    inner = values[1:-1, 1:-1]
    rows, columns = np.nonzero((inner >= PLATEAU[0]) & (inner <= PLATEAU[1]))
    if not len(rows):
        return 0
    around = np.stack([values[rows + down, columns + right] for down in range(3) for right in range(3)]).astype(int)
    return int(np.count_nonzero(around.max(0) - around.min(0) <= FLAT))


def laid_alike(
    image_size: tuple[int, int], turning: Image.Transpose | None, masks: Sequence[MaskImage]
) -> tuple[Image.Transpose | None, list[MaskImage]] | None:
    """Find how an image and its masks lie on each other: as their EXIF orientations say, else as they are stored.

    Args:
        image_size: height and width as stored.
        turning: what would turn the image.

    Returns:
        What turns the image, and the masks turned; None where their sizes differ either way.
    """
    for method in dict.fromkeys((turning, None)):
        shape = turned_size(image_size, method)
        placed = [placed_on(mask, shape, stored=method is None and turning is not None) for mask in masks]
        if all(placed):
            return method, [mask for mask in placed if mask is not None]
    return None


def placed_on(mask: MaskImage, shape: tuple[int, int], *, stored: bool) -> MaskImage | None:
    """Turn a mask so that it has a shape, first as its EXIF orientation says unless its image is as it is stored."""
    methods = (None, mask.turning) if stored else (mask.turning, None)
    fitting = [method for method in methods if turned_size(mask.shape, method) == shape]
    return mask.turned(fitting[0]) if fitting else None


def turned_size(shape: tuple[int, int], method: Image.Transpose | None) -> tuple[int, int]:
    """Return height and width after turning."""
    return (shape[1], shape[0]) if method in SWAPPING else shape


def turn(values: np.ndarray, method: Image.Transpose | None) -> np.ndarray:
    """Turn (H, W) values as Pillow turns an image."""
    way = Image.Transpose
    turns = {
        way.FLIP_LEFT_RIGHT: lambda: values[:, ::-1],
        way.FLIP_TOP_BOTTOM: lambda: values[::-1],
        way.ROTATE_90: lambda: np.rot90(values),
        way.ROTATE_180: lambda: values[::-1, ::-1],
        way.ROTATE_270: lambda: np.rot90(values, -1),
        way.TRANSPOSE: lambda: values.T,
        way.TRANSVERSE: lambda: values[::-1, ::-1].T,
    }
    return values if method is None else np.ascontiguousarray(turns[method]())


def packed(pixels: np.ndarray) -> np.ndarray:
    """Return uint8 pixels (..., 3) as 0xRRGGBB, int32."""
    wide = pixels.astype(np.int32)
    colours: np.ndarray = wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
    return colours


def is_grey(colour: int) -> bool:
    """Whether 0xRRGGBB has no colour."""
    return colour == (colour & 255) * 0x010101


def colour_text(colour: int) -> str:
    """Write 0xRRGGBB as people do: "#ff0000"."""
    return f"#{colour:06x}"

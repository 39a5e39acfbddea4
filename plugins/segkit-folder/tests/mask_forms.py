"""Masks in every form that image files have, drawn so that what they say is known by construction.

The photograph of each case shows what its mask marks, so that a mask which is turned or flipped against it is found.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from segkit.data.image_files import ORIENTATION_TAG, UPRIGHT
from segkit.data.masks import turn

HEIGHT, WIDTH = 24, 32
RED, GREEN = (255, 0, 0), (0, 255, 0)
STORAGE = {
    "PNG": ("",),
    "TIFF": ("raw", "tiff_lzw", "tiff_deflate", "packbits", "jpeg"),
    "BMP": ("",),
    "GIF": ("",),
    "JPEG": ("q30", "q90", "q95-444"),
}
MODES = (
    *("1", "L", "P-grey", "P-white-first", "P-colour", "P-permuted", "RGB-grey", "RGB-colour", "LA", "RGBA-opaque"),
    *("RGBA-background-clear", "RGBA-white-paint", "tRNS-background", "I;16", "I", "F", "CMYK", "RGB-16"),
)
VALUES = {"1/0": (255, 0), "ones": (1, 0), "two": (1, 2), "greys": (90, 200), "255-and-1": (255, 1), "soft": (255, 0)}
NAMINGS = ("found", "values", "colours", "threshold")
TURNS = ("none", "both", "image-upright", "image-stored", "mask-stray")
ORIENTATIONS = (3, 6)


@dataclass(frozen=True)
class Form:
    """One way to keep masks.

    Attributes:
        values: the numbers of the two areas, by a key of VALUES; colours of the areas where the mode has any.
        turns: which of image and mask carry an EXIF orientation, and on which of them the mask was drawn.
    """

    format: str
    storage: str
    mode: str
    values: str
    pages: int
    turns: str
    orientation: int
    naming: str

    @property
    def classes(self) -> int:
        """How many areas differ."""
        return 2 if VALUES[self.values][1] else 1

    @property
    def coloured(self) -> bool:
        """Whether the areas have colours."""
        return self.mode in ("P-colour", "P-permuted", "RGB-colour")


def all_forms() -> Iterator[Form]:
    """Every combination that can be written at all."""
    storages = [(name, storage) for name, storages in STORAGE.items() for storage in storages]
    for (name, storage), mode, values, pages, turns, naming in itertools.product(
        storages, MODES, VALUES, (1, 2), TURNS, NAMINGS
    ):
        for orientation in (1,) if turns == "none" else ORIENTATIONS:
            form = Form(name, storage, mode, values, pages, turns, orientation, naming)
            if is_possible(form):
                yield form


def is_possible(form: Form) -> bool:
    """Whether such a file exists, and is another one than those with simpler settings."""
    modes = {
        "PNG": set(MODES) - {"CMYK", "I", "F"},
        "TIFF": {"1", "L", "P-grey", "P-colour", "P-permuted", "RGB-grey", "RGB-colour", "LA", "RGBA-opaque", "I;16"}
        | {"RGBA-background-clear", "RGBA-white-paint", "I", "F", "CMYK"},
        "BMP": {"1", "L", "P-grey", "P-white-first", "P-colour", "P-permuted", "RGB-grey", "RGB-colour"},
        "GIF": {"L", "P-grey", "P-white-first", "P-colour", "P-permuted", "tRNS-background"},
        "JPEG": {"L", "RGB-grey", "RGB-colour", "CMYK"},
    }[form.format]
    if form.storage == "jpeg":
        modes = {"L", "RGB-grey", "RGB-colour"}
    if form.mode not in modes or (form.pages > 1 and form.format not in ("TIFF", "GIF", "PNG")):
        return False
    if form.values in ("255-and-1", "ones") and (form.format == "JPEG" or form.storage == "jpeg"):
        return False  # ones are lost where the file is written
    if form.mode == "1" and form.values not in ("1/0", "soft"):
        return False
    if form.coloured and form.values not in ("1/0", "two", "soft"):
        return False
    if form.values == "soft" and (form.mode in ("1", "I;16", "I", "F", "RGB-16") or form.mode.startswith("P-")):
        return False
    if form.turns != "none" and (
        form.format in ("BMP", "GIF") or form.pages > 1 or form.storage in ("packbits", "q30")
    ):
        return False
    return form.naming != "colours" or form.coloured or form.mode.startswith(("RGB", "P-"))


def truths() -> list[np.ndarray]:
    """Three label maps of two areas, (H, W)."""
    maps = []
    for number in range(3):
        labels = np.zeros((HEIGHT, WIDTH), np.uint8)
        labels[2 + number : 9 + number, 3 : 12 + number] = 1
        labels[13 : 20 - number, 15 + number : 28] = 2
        maps.append(labels)
    return maps


def write(form: Form, root: Path) -> list[np.ndarray]:
    """Write three photographs and their masks into a folder; return what the masks mark, as the photographs show."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    marked = []
    for number, labels in enumerate(truths()):
        labels = labels if form.classes == 2 else (labels == 1).astype(np.uint8)
        drawn, photograph = labels, labels
        exif_of_image = exif_of_mask = None
        if form.turns != "none":
            exif = Image.Exif()
            exif[ORIENTATION_TAG] = form.orientation
            stored = turn(labels, inverse(form.orientation))
            exif_of_image = None if form.turns == "mask-stray" else exif
            exif_of_mask = exif if form.turns in ("both", "mask-stray") else None
            photograph = labels if form.turns == "mask-stray" else stored
            drawn = labels if form.turns in ("image-upright", "mask-stray") else stored
        shown = np.stack([photograph * 90 + 20, *[np.full_like(photograph, 40 + number)] * 2], -1)
        Image.fromarray(shown).save(
            root / "images" / f"c{number}.png", **({"exif": exif_of_image} if exif_of_image else {})
        )
        save(form, drawn, number, root / "masks" / f"c{number}{suffix(form)}", exif_of_mask)
        marked.append(labels)
    text = toml(form)
    if text:
        (root / "classes.toml").write_text(text)
    return marked


def inverse(orientation: int) -> Image.Transpose:
    """What makes of an upright image the stored one."""
    back = {6: 8, 8: 6}.get(orientation, orientation)
    return UPRIGHT[back]


def suffix(form: Form) -> str:
    """The ending of a mask's file."""
    return {"PNG": ".png", "TIFF": ".tif", "BMP": ".bmp", "GIF": ".gif", "JPEG": ".jpg"}[form.format]


def toml(form: Form) -> str:
    """What names the classes."""
    first, second = VALUES[form.values]
    if form.naming == "values":
        if form.mode.startswith("P-") and form.coloured:
            first, second = 1, 2 if form.classes == 2 else 0
        return f"classes = {{first = {first}{f', second = {second}' if second else ''}}}"
    if form.naming == "colours":
        one, other = (
            ("#ff0000", "#00ff00")
            if form.coloured
            else (f"#{first:02x}" + f"{first:02x}" * 2, f"#{second:02x}" * 1 + f"{second:02x}" * 2)
        )
        return f'classes = {{first = "{one}"{f", second = {chr(34)}{other}{chr(34)}" if second else ""}}}'
    return ""


def save(form: Form, labels: np.ndarray, number: int, path: Path, exif: Image.Exif | None) -> None:
    """Write one mask."""
    picture = drawn(form, labels, number)
    if isinstance(picture, bytes):
        path.write_bytes(picture)
        return
    options: dict[str, object] = {} if exif is None else {"exif": exif}
    if form.format == "TIFF" and form.storage != "raw":
        options["compression"] = form.storage
    if form.format == "JPEG":
        options["quality"] = int(form.storage[1:3])
        options["subsampling"] = 0 if form.storage.endswith("444") else 2
    if form.pages > 1:
        other = drawn(form, (labels == 0).astype(np.uint8), number)
        options |= {"save_all": True, "append_images": [other]}
    if form.mode == "tRNS-background":
        options["transparency"] = 0
    if form.format == "GIF":
        options["optimize"] = False
    picture.save(path, form.format, **options)


def drawn(form: Form, labels: np.ndarray, number: int) -> Image.Image | bytes:
    """Draw a label map in the form's mode."""
    first, second = VALUES[form.values]
    grey = np.array([0, first, second], np.int64)[labels]
    plain = Image.fromarray(grey.astype(np.uint8))
    if form.values == "soft":
        small = plain.resize((labels.shape[1] // 2, labels.shape[0] // 2), Image.Resampling.BILINEAR)
        plain = small.resize(plain.size, Image.Resampling.BICUBIC)
    if form.mode == "1":
        return plain.point(lambda value: 255 * (value > 128)).convert("1")
    if form.mode in ("I;16", "I", "F"):
        return Image.fromarray(grey.astype({"I;16": np.uint16, "I": np.int32, "F": np.float32}[form.mode]))
    if form.mode == "RGB-16":
        return deep_png(np.stack([grey.astype(np.uint16)] * 3, -1))
    if form.coloured:
        colours = np.array([(0, 0, 0), RED, GREEN], np.uint8)
        if form.mode == "RGB-colour":
            picture = Image.fromarray(colours[labels])
            if form.values == "soft":
                picture = picture.resize((labels.shape[1] // 2, labels.shape[0] // 2), Image.Resampling.BILINEAR)
                picture = picture.resize(plain.size, Image.Resampling.BILINEAR)
            return picture
        order = [0, 2, 1] if form.mode == "P-permuted" and number % 2 else [0, 1, 2]
        return with_palette(np.argsort(order).astype(np.uint8)[labels], colours[order])
    if form.mode in ("P-grey", "P-white-first"):
        greys = [0, first, second] if form.mode == "P-grey" else [second, first, 0]
        indices = labels if form.mode == "P-grey" else 2 - labels.astype(np.uint8)
        if form.mode == "P-white-first":
            indices = np.array([2, 1, 0], np.uint8)[labels]
        return with_palette(indices, np.repeat(np.array(greys, np.uint8)[:, None], 3, axis=1))
    if form.mode == "LA":
        return plain.convert("LA")
    if form.mode.startswith("RGBA"):
        return with_alpha(form, plain, labels)
    return plain.convert({"RGB-grey": "RGB", "CMYK": "CMYK"}.get(form.mode, "L"))


def with_palette(indices: np.ndarray, colours: np.ndarray) -> Image.Image:
    """Make a palette image."""
    picture = Image.fromarray(indices)
    picture.putpalette(colours.astype(np.uint8).ravel().tolist())
    return picture


def with_alpha(form: Form, plain: Image.Image, labels: np.ndarray) -> Image.Image:
    """Make an image with an alpha channel."""
    alpha = Image.fromarray(((labels > 0) * 255).astype(np.uint8))
    white = Image.new("RGB", plain.size, (255, 255, 255))
    picture = white if form.mode == "RGBA-white-paint" else plain.convert("RGB")
    picture.putalpha(255 if form.mode == "RGBA-opaque" else alpha)
    return picture


def deep_png(pixels: np.ndarray) -> bytes:
    """Encode (H, W, 3) uint16 as PNG of 16 bits per channel, which Pillow cannot write."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    parts = [b"\x89PNG\r\n\x1a\n"]
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        parts += [struct.pack(">I", len(data)), name, data, struct.pack(">I", zlib.crc32(name + data))]
    return b"".join(parts)

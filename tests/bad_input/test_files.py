"""Spoiled data files, given to the command: one line that names the file, exit code 1, and nothing trained or left."""

import errno
import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def resize(path: Path) -> None:
    with Image.open(path) as opened:
        opened.resize((20, 15)).save(path)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def as_16_bit(path: Path) -> None:
    Image.fromarray(np.full((30, 40), 4000, np.uint16)).save(path.with_suffix(".png"))
    shutil.move(path.with_suffix(".png"), path)


def as_ones(path: Path) -> None:
    with Image.open(path) as opened:
        Image.fromarray(np.asarray(opened) // 255).save(path)


def as_greys(path: Path) -> None:
    Image.fromarray(np.arange(1200).reshape(30, 40).astype(np.uint8)).save(path)


def as_bomb(path: Path) -> None:
    """A PNG of a few hundred bytes that says it has 60,000 x 60,000 pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(60_001 * 100))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))


def as_broken_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("gone.jpg"))


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


SPOILERS = {
    "image without mask": ("mask", Path.unlink, "1 image has no mask: {photograph}"),
    "mask without image": ("photograph", Path.unlink, "1 mask has no image: {mask}"),
    "size mismatch": ("mask", resize, "{photograph} is 40x30 but its mask ISIC_1_segmentation.png is 20x15"),
    "truncated JPEG": ("photograph", truncate, "{photograph} is damaged or cut short"),
    "truncated mask": ("mask", truncate, "{mask} is damaged or cut short"),
    "zero bytes": ("photograph", lambda path: path.write_bytes(b""), "{photograph} is empty (0 bytes)"),
    "text": ("photograph", lambda path: path.write_text("404 not found"), "{photograph} is not a JPEG or PNG image"),
    "16-bit image": ("photograph", as_16_bit, "{photograph} has 16-bit or floating-point pixels"),
    "16-bit mask": ("mask", as_16_bit, "{mask} has 16-bit or floating-point pixels"),
    "mask of 0 and 1": ("mask", as_ones, "{mask} has no pixel above 128 (its highest is 1)"),
    "mask of many greys": ("mask", as_greys, "{mask} is not a black and white mask"),
    "decompression bomb": ("mask", as_bomb, "{mask} has too many pixels"),
    "broken link": ("photograph", as_broken_link, "1 link leads to no file: {photograph}"),
    "folder": ("photograph", as_folder, "1 mask has no image: {mask}"),
}


def expect_refused(result, message: str) -> None:
    """One line on stderr with that message, exit code 1, no traceback, no run directory and no store."""
    assert result.exit_code == 1, result.output
    errors = [line for line in result.stderr.splitlines() if line.lower().startswith("error")]
    assert len(errors) == 1
    assert message in errors[0]
    assert "Traceback" not in result.output
    assert "epoch 1" not in result.output
    assert not list(Path("runs").glob("*")) if Path("runs").exists() else True


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("fault", SPOILERS)
def test_a_spoiled_file_is_one_line(fault, isic_run, root, photograph, mask):
    """Each fault of the list, alone, in the training split."""
    which, spoil, message = SPOILERS[fault]
    spoil(photograph if which == "photograph" else mask)
    names = {"photograph": photograph.relative_to(root).as_posix(), "mask": mask.relative_to(root).as_posix()}
    expect_refused(isic_run(), message.format(**names))


@pytest.mark.parametrize("kind", ["CMYK", "L", "P", "RGBA"])
def test_other_forms_of_photographs_are_read(kind, isic_run, photograph):
    """CMYK, grey, palette and opaque alpha are no faults."""
    with Image.open(photograph) as opened:
        other = opened.convert(kind)
    other.save(photograph, "JPEG" if kind in ("CMYK", "L") else "PNG")
    result = isic_run()
    assert result.exit_code == 0, result.output


def test_an_unreadable_file_is_named(isic_run, root, mask, monkeypatch):
    """The system refuses to open it (told by the system call itself, for the superuser may read everything)."""
    real = open

    def refuse(path, *args, **options):
        if str(path) == str(mask):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, *args, **options)

    for name in ("builtins.open", "io.open"):
        monkeypatch.setattr(name, refuse)
    expect_refused(isic_run(), f"{mask.relative_to(root).as_posix()} may not be read; check its permissions")


def test_an_id_in_two_splits_is_refused(isic_run, root, photograph, mask):
    """The same id in training and validation, whatever the pixels."""
    for path in (photograph, mask):
        shutil.copy(path, root / path.parent.name.replace("Training", "Validation"))
    expect_refused(isic_run(), "1 image is in two splits: ISIC-2017_Validation_Data/ISIC_1.jpg")

"""TIFF files that libtiff finds wrong are refused, and nothing of it reaches the terminal raw."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segkit.data.image_files import opened_image
from segkit.data.tiff_errors import in_words, listen
from segkit.errors import UnusableFileError

PICTURE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
CODECS = ("group3", "group4", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", None)
needs_libtiff = pytest.mark.skipif(not listen(), reason="Pillow's libtiff cannot be found here")


def written(path: Path, codec: str | None) -> Path:
    """Write a TIFF: black and white where the codec is a fax's."""
    picture = Image.fromarray(PICTURE)
    picture = picture.convert("1") if codec is not None and codec.startswith("group") else picture
    picture.save(path, compression=codec)
    return path


def pixels(path: Path) -> np.ndarray:
    """Read a file as data sets do."""
    with opened_image(path, path.name) as opened:
        opened.load()
        return np.asarray(opened)


def damaged(path: Path) -> Path:
    """Change bytes in the middle of what is compressed."""
    data = bytearray(path.read_bytes())
    with Image.open(path) as opened:
        start = opened.tag_v2[273][0]
    data[start + 100 : start + 140] = bytes(value ^ 0x55 for value in data[start + 100 : start + 140])
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("codec", CODECS)
def test_whole_files_are_read(tmp_path, codec):
    """What is whole is read as Pillow reads it, whichever codec packed it."""
    path = written(tmp_path / "a.tif", codec)
    assert np.array_equal(pixels(path), np.asarray(Image.open(path)))


@needs_libtiff
@pytest.mark.parametrize("codec", ["group4", "tiff_lzw", "tiff_adobe_deflate"])
def test_damage_is_refused(tmp_path, codec, capfd):
    """A damaged strip is a sentence that names the file, group 4 fax included, of which Pillow says nothing."""
    path = damaged(written(tmp_path / "a.tif", codec))
    with pytest.raises(UnusableFileError, match=r"^a\.tif is damaged or cut short \(.+\)"):
        pixels(path)
    assert capfd.readouterr() == ("", "")


@needs_libtiff
def test_each_thread_hears_of_its_own_file(tmp_path):
    """Whole files read beside damaged ones are not taken for damaged."""
    whole = written(tmp_path / "whole.tif", "group4")
    broken = damaged(written(tmp_path / "broken.tif", "group4"))

    def is_read(path: Path) -> bool:
        try:
            pixels(path)
        except UnusableFileError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(is_read, [whole, broken] * 100)) == [True, False] * 100


def test_without_the_library_all_is_as_before(tmp_path):
    """Where libtiff cannot be found, files are read and refused as Pillow does it."""
    path = written(tmp_path / "a.tif", "tiff_lzw")
    program = (
        "import sys, pathlib\nfrom segkit.data import tiff_errors\ntiff_errors.libraries = lambda: iter(())\n"
        "from segkit.data.image_files import opened_image\n"
        "with opened_image(pathlib.Path(sys.argv[1]), 'a') as opened: opened.load(); print(opened.size)\n"
        "print(tiff_errors.listen())"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["(64, 64)", "False"]


def test_messages_without_their_numbers():
    """What stands before the first value of a printf message is told."""
    assert in_words("Bad code word at line %u of %s %u (x %u)") == "Bad code word at line"
    assert in_words("%s") == "an error"

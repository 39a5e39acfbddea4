"""What a file says of a patient beside its pixels is in nothing that is written of it."""

import gzip
import struct
import zlib

import nibabel
import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from works import in_a_fork, photograph

CANARY = b"Doe^Jane"
"""Eight letters: one of a header's fields takes ten."""
PREDICT = ("-o", "out", "--device", "cpu", "--workers", "0", "--overlays", "--probabilities")


def contents(data: bytes) -> bytes:
    """A file's bytes, unpacked where it is packed, chunks of a PNG included."""
    if data.startswith(b"\x1f\x8b"):
        return gzip.decompress(data)
    place, unpacked = 8, [data]
    while data.startswith(b"\x89PNG") and place + 12 <= len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        chunk = data[place + 8 : place + 8 + length]
        if data[place + 4 : place + 8] == b"zTXt" and b"\0\0" in chunk:
            unpacked.append(zlib.decompress(chunk.split(b"\0\0", 1)[1]))
        place += 12 + length
    return b"".join(unpacked)


def written(place):
    """Every file below a folder that holds the canary, and how many there are."""
    files = [path for path in place.rglob("*") if path.is_file()]
    return [path.name for path in files if CANARY in contents(path.read_bytes())], len(files)


@pytest.fixture
def place(tmp_path, works):
    """A folder with the models."""
    for name in ("run", "volumes"):
        (tmp_path / name).symlink_to(works / name)
    (tmp_path / "images").mkdir()
    return tmp_path


def test_text_of_volumes_is_left_behind(place):
    """descrip, aux_file, intent_name, db_name, data_type and extensions of a NIfTI file."""
    values = np.random.default_rng(0).normal(0, 20, (15, 16, 6)).astype(np.int16)
    image = nibabel.Nifti1Image(values, np.diag([0.5, 0.5, 2.0, 1.0]))
    for field in ("descrip", "aux_file", "intent_name", "db_name", "data_type"):
        image.header[field] = CANARY
    for code in (4, 6, 40):
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(code, b"<x>" + CANARY + b"</x>"))
    nibabel.save(image, place / "images" / "volume.nii.gz")
    raw = bytearray(gzip.decompress((place / "images" / "volume.nii.gz").read_bytes()))
    assert bytes(raw).count(CANARY) == 8
    in_a_fork(("predict", "volumes", "images", *PREDICT), place)
    found, count = written(place / "out")
    assert count > 3
    assert found == []


def test_text_of_photographs_is_left_behind(place):
    """EXIF of a JPEG, its comment, and text chunks of a PNG, of each kind; explained too."""
    exif = Image.Exif()
    for tag in (0x010E, 0x013B, 0x8298, 0x9C9C):
        exif[tag] = CANARY.decode()
    photograph(0).save(place / "images" / "camera.jpg", exif=exif, comment=CANARY)
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", CANARY.decode())
    texts.add_text("Comment", CANARY.decode(), zip=True)
    texts.add_itxt("Author", CANARY.decode())
    photograph(1).save(place / "images" / "scan.png", pnginfo=texts, exif=exif)
    photograph(2).save(place / "images" / "scan.tif", exif=exif, description=CANARY.decode())
    assert len(written(place / "images")[0]) == 3
    in_a_fork(("predict", "run", "images", *PREDICT), place)
    explain = ("explain", "run", "images", "--explainer", "glow", "--layer", "0", "--no-evidence", "-o", "heat")
    in_a_fork((*explain, "--device", "cpu"), place)
    for folder in ("out", "heat"):
        found, count = written(place / folder)
        assert count > 3
        assert found == []

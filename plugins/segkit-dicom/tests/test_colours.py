"""Photographs however their colours are stored: compressed, in a palette, as luminance and chroma; what is refused."""

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from photo_files import photograph
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from segkit import UnusableFileError
from segkit.params import build
from segkit_dicom.formats import DicomFiles
from segkit_dicom.params import DicomParams
from segkit_dicom.reader import DicomReader

SHARED = Path(__file__).parents[4] / "shared" / "data" / "isic2017-small"
SHAPE = HEIGHT, WIDTH = 40, 48  # JPEG 2000 takes nothing smaller than 32
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
RGB = np.stack([5 * COLUMNS, 6 * ROWS, 2 * (ROWS + COLUMNS)], axis=-1).astype(np.uint8)
GREY = (2 * ROWS + 3 * COLUMNS).astype(np.uint8)
PLACES = (GREY % 64).astype(np.uint8)
PALETTE = np.random.default_rng(3).integers(0, 256, (64, 3))
DEEP = (1000 * COLUMNS + 13 * ROWS).astype("<u2")
ROUNDING, CHROMA = 3, 8
"""Levels by which decoders of JPEG differ, and by which halved chroma differs from the colours it was made of."""


def jpeg(image, **how):
    """A stream of JPEG, by Pillow."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=95, **how)
    return stream.getvalue()


def decoded(stream):
    """What Pillow makes of a stream."""
    return np.asarray(Image.open(io.BytesIO(stream)))


def holding(stream, syntax, meaning, image=RGB, fragments=1):
    """A photograph that holds a stream."""
    one = photograph(image)
    one.file_meta.TransferSyntaxUID, one.PhotometricInterpretation = syntax, meaning
    one.PixelData = encapsulate([stream], fragments_per_frame=fragments)
    one["PixelData"].is_undefined_length = True
    return one


def compressed(one, syntax, **how):
    """A photograph, compressed by pydicom."""
    one.compress(syntax, generate_instance_uid=False, **how)
    return one


def packed(image, syntax, meaning=None, **how):
    """A photograph of an array, compressed."""
    return compressed(photograph(image, **({"PhotometricInterpretation": meaning} if meaning else {})), syntax, **how)


def stored_as(syntax=None, values=None, **tags):
    """A photograph of which some things are said otherwise."""
    one = photograph(RGB, **tags)
    if syntax:
        one.file_meta.TransferSyntaxUID = syntax
    if values is not None:
        one.PixelData = values.tobytes()
    return one


def luminance(image):
    """Colours as luminance and chroma of 8 bits, by the formula of the standard (PS3.3 C.7.6.3.1.2)."""
    weights = [[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]]
    return np.clip(np.round(image @ np.transpose(weights) + [0, 128, 128]), 0, 255).astype(np.uint8)


def halved(image):
    """Luminance of every pixel, and chroma of every second: Y Y Cb Cr."""
    values = luminance(image)
    return np.stack([values[:, ::2, 0], values[:, 1::2, 0], values[:, ::2, 1], values[:, ::2, 2]], axis=-1)


def in_palette(places, colours, first=0, bits=16):
    """Places in a palette."""
    one = photograph(places, PhotometricInterpretation="PALETTE COLOR")
    for channel, name in enumerate(("Red", "Green", "Blue")):
        setattr(one, f"{name}PaletteColorLookupTableDescriptor", [len(colours), first, bits])
        values = colours[:, channel].astype("<u2" if bits == 16 else np.uint8)
        setattr(one, f"{name}PaletteColorLookupTableData", values.tobytes())
    return one


def of_16_bits(image, **tags):
    """A photograph of 16 bits a value."""
    one = photograph(image, **{"BitsAllocated": 16, "BitsStored": 16, "HighBit": 15, **tags})
    one.PixelData = image.astype("<u2").tobytes()
    return one


def segmented():
    """A palette in segments: two colours as they are, then a straight line of 62 to the last."""
    one = in_palette(PLACES, PALETTE * 257)
    colours = np.zeros((64, 3), int)
    for channel, name in enumerate(("Red", "Green", "Blue")):
        ends = [257 * (10 + channel), 257 * (40 + channel), 257 * (164 + channel)]
        colours[:, channel] = [ends[0], *np.linspace(ends[1], ends[2], 63).round()]
        delattr(one, f"{name}PaletteColorLookupTableData")
        told = np.array([0, 2, ends[0], ends[1], 1, 62, ends[2]], "<u2")
        setattr(one, f"Segmented{name}PaletteColorLookupTableData", told.tobytes())
    return one, colours[PLACES] >> 8


def deep_places():
    """Places of 16 bits in a palette of more than 256 colours."""
    colours = np.random.default_rng(4).integers(0, 65536, (8000, 3))
    places = 150 * COLUMNS + 7 * ROWS
    one = of_16_bits(places, PhotometricInterpretation="PALETTE COLOR")
    for tag in in_palette(PLACES, colours):
        if "Palette" in tag.keyword:
            one.add(tag)
    return one, colours[places] >> 8


def lossy(**how):
    """A photograph as JPEG with loss, and what Pillow makes of it."""
    stream = jpeg(RGB, **how)
    return holding(stream, JPEGBaseline8Bit, "RGB" if "keep_rgb" in how else "YBR_FULL_422"), decoded(stream)


def near(one):
    """What Pillow makes of a photograph's JPEG 2000."""
    [stream] = pydicom.encaps.generate_frames(one.PixelData, number_of_frames=1)
    return one, decoded(stream)


READ = {
    "JPEG": lambda: (*lossy(subsampling=0), ROUNDING),
    "JPEG with halved chroma": lambda: (*lossy(subsampling=1), ROUNDING),
    "JPEG with chroma of a quarter": lambda: (*lossy(subsampling=2), ROUNDING),
    "JPEG of RGB": lambda: (*lossy(keep_rgb=True), ROUNDING),
    "JPEG in fragments": lambda: (
        holding(jpeg(RGB), JPEGBaseline8Bit, "YBR_FULL_422", fragments=3),
        decoded(jpeg(RGB)),
        ROUNDING,
    ),
    "grey JPEG": lambda: (
        holding(jpeg(GREY), JPEGBaseline8Bit, "MONOCHROME2", GREY),
        decoded(jpeg(GREY)),
        ROUNDING,
    ),
    "JPEG-LS": lambda: (packed(RGB, JPEGLSLossless), RGB, 0),
    "grey JPEG-LS": lambda: (packed(GREY, JPEGLSLossless), GREY, 0),
    "JPEG-LS with loss": lambda: (packed(RGB, JPEGLSNearLossless, jls_error=2), RGB, 2),
    "JPEG 2000": lambda: (packed(RGB, JPEG2000Lossless, "YBR_RCT"), RGB, 0),
    "JPEG 2000 of RGB": lambda: (packed(RGB, JPEG2000Lossless), RGB, 0),
    "JPEG 2000 with loss": lambda: (*near(packed(RGB, JPEG2000, "YBR_ICT", j2k_cr=[4])), 1),
    "JPEG 2000 of luminance": lambda: (packed(luminance(RGB), JPEG2000Lossless, "YBR_FULL"), RGB, 2),
    "JPEG-LS of luminance": lambda: (packed(luminance(RGB), JPEGLSLossless, "YBR_FULL"), RGB, 2),
    "RLE of 16 bits a colour": lambda: (compressed(of_16_bits(257 * RGB.astype(int)), RLELossless), RGB, 0),
    "12 of 16 bits a colour": lambda: (of_16_bits(16 * RGB.astype(int), BitsStored=12, HighBit=11), RGB, 0),
    "JPEG 2000 of 16 bits": lambda: (compressed(of_16_bits(DEEP), JPEG2000Lossless), DEEP, 0),
    "RLE": lambda: (packed(RGB, RLELossless), RGB, 0),
    "grey RLE": lambda: (packed(GREY, RLELossless), GREY, 0),
    "RLE of luminance": lambda: (packed(luminance(RGB), RLELossless, "YBR_FULL"), RGB, 2),
    "luminance and chroma": lambda: (stored_as(values=luminance(RGB), PhotometricInterpretation="YBR_FULL"), RGB, 2),
    "halved chroma": lambda: (stored_as(values=halved(RGB), PhotometricInterpretation="YBR_FULL_422"), RGB, CHROMA),
    "planes of colours": lambda: (stored_as(values=RGB.transpose(2, 0, 1), PlanarConfiguration=1), RGB, 0),
    "big endian": lambda: (stored_as(ExplicitVRBigEndian), RGB, 0),
    "deflated": lambda: (stored_as(DeflatedExplicitVRLittleEndian), RGB, 0),
    "implicit": lambda: (stored_as(ImplicitVRLittleEndian), RGB, 0),
    "16 bits a colour": lambda: (of_16_bits(257 * RGB.astype(int)), RGB, 0),
    "palette of 16 bits": lambda: (in_palette(PLACES, 257 * PALETTE), PALETTE[PLACES], 0),
    "palette of 8 bits": lambda: (in_palette(PLACES, PALETTE, bits=8), PALETTE[PLACES], 0),
    "palette from 20 on": lambda: (
        in_palette(PLACES + 10, 257 * PALETTE, first=20),
        PALETTE[np.clip(PLACES.astype(int) - 10, 0, 63)],
        0,
    ),
    "palette in segments": lambda: (*segmented(), 1),
    "palette of thousands": lambda: (*deep_places(), 0),
    "palette, RLE": lambda: (compressed(in_palette(PLACES, 257 * PALETTE), RLELossless), PALETTE[PLACES], 0),
    "palette, JPEG-LS": lambda: (compressed(in_palette(PLACES, 257 * PALETTE), JPEGLSLossless), PALETTE[PLACES], 0),
}


def clinic(root, one):
    """A dataset of a photograph and three grey ones; every mask is an image file of one line."""
    root.mkdir()
    line = Image.fromarray(np.eye(*SHAPE, dtype=np.uint8) * 255)
    greys = [(f"grey{number}", photograph(GREY, f"p{number}")) for number in range(3)]
    for name, dataset in [("photo", one), *greys]:
        dataset.save_as(root / f"{name}.dcm", enforce_file_format=True)
        line.save(root / f"{name}.png")
    return DicomReader(root, build(DicomParams, {}, "dicom"))


def cases_of(reader):
    """Cases by the name of their image."""
    return {case.files[0].stem: case for split in ("train", "val", "test") for case in reader.cases(split)}


@pytest.mark.parametrize("stored", READ)
def test_a_photograph_is_read_however_it_is_stored(tmp_path, stored):
    """Through the dataset and for a prediction; held against what was stored, or what Pillow makes of its stream."""
    one, expected, apart = READ[stored]()
    reader = clinic(tmp_path / "clinic", one)
    assert reader.task.in_channels == (3 if expected.ndim == 3 else 1)
    assert list(reader.verify()) == []
    sample = reader.read(cases_of(reader)["photo"])
    expected = expected.transpose(2, 0, 1) if expected.ndim == 3 else expected[None]
    assert sample.image.shape == expected.shape
    assert np.abs(sample.image.astype(float) - expected).max() <= apart
    np.testing.assert_array_equal(sample.mask, np.eye(*SHAPE, dtype=np.uint8))
    predicted = DicomFiles.open_files([tmp_path / "clinic" / "photo.dcm"], len(expected))
    np.testing.assert_array_equal(predicted.image, sample.image)
    grey = reader.read(cases_of(reader)["grey0"]).image
    np.testing.assert_array_equal(grey, np.stack([GREY] * len(expected)))


def relabelled(one, syntax, **tags):
    """A photograph that says another transfer syntax than its stream's, as where the header was forgotten."""
    one.file_meta.TransferSyntaxUID = syntax
    for name, value in tags.items():
        setattr(one, name, value)
    return one


def spoilt_palette(**tags):
    """A palette of which something is missing or wrong."""
    one = in_palette(PLACES, 257 * PALETTE)
    for name, value in tags.items():
        if value is None:
            delattr(one, name)
        else:
            setattr(one, name, value)
    return one


RED, RED_SAYS = "RedPaletteColorLookupTableData", "RedPaletteColorLookupTableDescriptor"
FOUR = {"SamplesPerPixel": 4, "values": np.zeros((*SHAPE, 4), np.uint8)}
REFUSED = {
    "HSV": (lambda: stored_as(PhotometricInterpretation="HSV"), "3 values a pixel that are HSV"),
    "CMYK": (lambda: stored_as(PhotometricInterpretation="CMYK", **FOUR), "4 values a pixel that are CMYK"),
    "ARGB": (lambda: stored_as(PhotometricInterpretation="ARGB", **FOUR), "4 values a pixel that are ARGB"),
    "of films": (lambda: stored_as(PhotometricInterpretation="YBR_PARTIAL_420"), "that are YBR_PARTIAL_420"),
    "unknown": (lambda: stored_as(PhotometricInterpretation="DULCINEA"), "of an unknown kind"),
    "of JPEG 2000, plain": (lambda: stored_as(PhotometricInterpretation="YBR_RCT"), "without being JPEG 2000"),
    "of JPEG 2000, RLE": (
        lambda: relabelled(packed(RGB, RLELossless), RLELossless, PhotometricInterpretation="YBR_ICT"),
        "without being JPEG 2000",
    ),
    "grey of three": (lambda: stored_as(PhotometricInterpretation="MONOCHROME2"), "3 values a pixel that are MONO"),
    "RGB of one": (lambda: photograph(GREY, PhotometricInterpretation="RGB"), "1 values a pixel that are RGB"),
    "not said": (lambda: stored_as(PhotometricInterpretation=None), "does not say what its values stand for"),
    "no palette": (lambda: photograph(PLACES, PhotometricInterpretation="PALETTE COLOR"), "no palette"),
    "palette without red": (lambda: spoilt_palette(**{RED: None}), "damaged palette"),
    "short palette": (lambda: spoilt_palette(**{RED: b"\0\0"}), "damaged palette"),
    "palette of 12 bits": (lambda: spoilt_palette(**{RED_SAYS: [64, 0, 12]}), "no palette of 8 or 16 bits"),
    "palette in two ways": (lambda: in_palette(PLACES, PALETTE), "black, or meant as 8 bits"),
    "JPEG 2000 as JPEG": (lambda: relabelled(packed(RGB, JPEG2000Lossless), JPEGBaseline8Bit), "transfer syntax"),
    "JPEG 2000 as JPEG of luminance": (
        lambda: relabelled(packed(RGB, JPEG2000Lossless), JPEGBaseline8Bit, PhotometricInterpretation="YBR_FULL_422"),
        "transfer syntax",
    ),
    "JPEG 2000 as JPEG-LS": (lambda: relabelled(packed(RGB, JPEG2000Lossless), JPEGLSLossless), "transfer syntax"),
    "JPEG as JPEG 2000": (lambda: holding(jpeg(RGB), JPEG2000, "RGB"), "transfer syntax"),
    "RLE as JPEG": (lambda: relabelled(packed(RGB, RLELossless), JPEGBaseline8Bit), "transfer syntax"),
    "JPEG as RLE": (lambda: holding(jpeg(RGB), RLELossless, "RGB"), "transfer syntax"),
    "half a stream": (lambda: holding(jpeg(RGB)[:400], JPEGBaseline8Bit, "YBR_FULL_422"), "cut off"),
    "another size": (lambda: holding(jpeg(RGB[:20]), JPEGBaseline8Bit, "YBR_FULL_422"), "cut off"),
    "grey in place of colours": (lambda: holding(jpeg(GREY), JPEGBaseline8Bit, "YBR_FULL_422"), "cut off"),
    "colours in place of grey": (lambda: holding(jpeg(RGB), JPEGBaseline8Bit, "MONOCHROME2", GREY), "cut off"),
    "a film": (lambda: holding(jpeg(RGB), MPEG2MPML, "YBR_FULL_422"), "MPEG2"),
}  # fmt: skip


@pytest.mark.parametrize("stored", REFUSED)
def test_what_cannot_be_read_rightly_is_refused_in_a_sentence(tmp_path, stored):
    """With the file and its series, and nothing that a header holds; the others are read."""
    make, words = REFUSED[stored]
    reader = clinic(tmp_path / "clinic", make())
    [problem] = reader.verify()
    assert words in problem.reason
    assert "of series 'left forearm'" in problem.reason
    assert problem.file == "photo.dcm"
    assert problem.hint
    assert "DULCINEA" not in problem.reason
    with pytest.raises(UnusableFileError, match=r"photo\.dcm"):
        DicomFiles.open_file(tmp_path / "clinic" / "photo.dcm")
    for name in ("grey0", "grey1", "grey2"):
        assert (reader.read(cases_of(reader)[name]).image == GREY).all()


@pytest.mark.parametrize("kept", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless], ids=lambda one: one.keyword)
def test_compressed_pixels_that_are_cut_off_are_told_before_anything_is_read(tmp_path, syntax, kept):
    """The case is not offered: a run begins without it, as where pixels are not compressed."""
    path = tmp_path / "whole.dcm"
    draw = np.random.default_rng(0).integers(0, 256, RGB.shape).astype(np.uint8)
    packed(draw, syntax).save_as(path, enforce_file_format=True)
    content = path.read_bytes()
    root = tmp_path / "clinic"
    clinic(root, photograph(RGB))
    (root / "photo.dcm").write_bytes(content[: int(len(content) * kept)])
    reader = DicomReader(root, build(DicomParams, {}, "dicom"))
    assert sorted(cases_of(reader)) == ["grey0", "grey1", "grey2"]
    assert [problem.file for problem in reader.verify() if "cut off" in problem.reason] == ["photo.dcm"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="shared/data/isic2017-small is not there")
def test_real_photographs_in_jpeg_are_what_pillow_makes_of_them(tmp_path):
    """Streams of cameras as they are, in a file of DICOM."""
    for path in sorted(SHARED.rglob("*.jpg"))[:3]:
        stream = path.read_bytes()
        image = decoded(stream)
        holding(stream, JPEGBaseline8Bit, "YBR_FULL_422", image).save_as(
            tmp_path / "photo.dcm", enforce_file_format=True
        )
        found = DicomFiles.open_files([tmp_path / "photo.dcm"], 3).image
        assert np.abs(found.astype(int) - image.transpose(2, 0, 1)).max() <= ROUNDING

"""Masks in the forms that people have them, and the classes that they hold."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from segkit import SegkitError

MASK = np.zeros((6, 9), np.uint8)
MASK[1:4, 2:7] = 1
THREE = MASK + 2 * (np.arange(54).reshape(6, 9) >= 45).astype(np.uint8)


def only(reader):
    """The mask of the only case."""
    [case] = reader.cases("train")
    return reader.read(case).mask


@pytest.mark.parametrize("value", [1, 255, 128])
def test_black_and_white(pairs, whole, value):
    """Of two values the other one is the foreground, 255 as well: never "ignore"."""
    pairs("a", mask=MASK * np.uint8(value))
    opened = whole()
    assert opened.task.classes == ("foreground",)
    assert np.array_equal(only(opened), MASK)


@pytest.mark.parametrize("mode", ["1", "RGB", "P", "LA", "I;16"])
def test_modes_of_pixels(pairs, photograph, root, whole, mode):
    """One bit, grey written as RGB, palettes (their indices), alpha and 16 bits hold the same mask."""
    pairs("a")
    picture = Image.fromarray(MASK * 255)
    if mode == "P":
        picture = Image.fromarray(MASK)
        picture.putpalette([0, 0, 0, 200, 30, 90])
    elif mode == "I;16":
        picture = Image.fromarray(MASK.astype(np.uint16) * 300)
    else:
        picture = picture.convert(mode)
    picture.save(root / "masks" / "a.png")
    assert np.array_equal(only(whole()), MASK)


def test_jpeg_masks_are_black_and_white(pairs, root, whole):
    """JPEG blurs values: only bright and dark are told apart."""
    big = np.kron(MASK, np.ones((8, 8), np.uint8)) * 255
    pairs("a")
    Image.fromarray(np.zeros((48, 72), np.uint8)).save(root / "images" / "a.png")
    (root / "masks" / "a.png").unlink()
    Image.fromarray(big).save(root / "masks" / "a.jpg", quality=60)
    assert np.mean(only(whole()) != big // 255) < 0.01


def test_tiff(pairs, root, whole):
    """Images and masks may be TIFF, and of different formats."""
    pairs("a")
    Image.open(root / "images" / "a.png").save(root / "images" / "a.tif")
    (root / "images" / "a.png").unlink()
    assert np.array_equal(only(whole()), MASK)


def test_values_found(pairs, whole):
    """Every value but 0 is a class, in order, and told."""
    pairs("a", mask=THREE * 10)
    opened = whole()
    assert opened.task.classes == ("class-10", "class-20")
    assert np.unique(only(opened)).tolist() == [0, 1, 2]
    assert np.array_equal(only(opened) > 0, THREE > 0)
    assert "1 class-10 (value 10), 2 class-20 (value 20); found in 1 masks" in dict(opened.describe())["classes"]


def test_classes_toml(pairs, root, whole):
    """A list gives values from 1, a table its own; `ignore` counts for nothing; a BOM does no harm."""
    pairs("a", mask=THREE)
    (root / "classes.toml").write_text('classes = ["lesion", "hair"]', encoding="utf-8-sig")
    assert whole().task.classes == ("lesion", "hair")
    (root / "classes.toml").write_text("classes = {hair = 2}\nignore = 1\n")
    opened = whole()
    assert opened.task.classes == ("hair",)
    assert np.array_equal(only(opened), np.select([THREE == 1, THREE == 2], [255, 1]))
    elsewhere = root.parent / "other.toml"
    elsewhere.write_text('classes = ["one", "two"]')
    assert whole(classes=str(elsewhere)).task.classes == ("one", "two")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("classes = [", "is no TOML"),
        ("a" + ".a" * 100 + " = 1", "nested too deeply"),
        ("#" * (32 * 2**20 + 1), "larger than the 33.6 MB"),
        ("names = ['a']", "unknown entry 'names'"),
        ("ignore = 255", "names no classes"),
        ("classes = ['a', 'a']", "names no classes, each once"),
        ("classes = [1, 2]", "names no classes"),
        ("classes = {a = 0}", "no number from 1 on"),
        ("classes = {a = 'x'}", "no number from 1 on"),
        ("classes = {a = 1, b = 1}", "gives one value to two classes"),
    ],
)
def test_classes_toml_that_cannot_be_meant(pairs, root, whole, text, said):
    """One line that names the file and shows one that is right."""
    pairs("a")
    (root / "classes.toml").write_text(text)
    with pytest.raises(SegkitError, match=said) as caught:
        whole()
    assert "classes.toml" in caught.value.message
    assert "classes = {" in caught.value.hint or "larger" in said


def test_value_of_no_class(pairs, root, whole):
    """A value that is not named is an error that lists it, and one verify tells."""
    pairs("a", mask=THREE)
    (root / "classes.toml").write_text('classes = ["lesion"]')
    opened = whole()
    with pytest.raises(SegkitError, match=r"masks/a\.png has values of no class: 2; name them in classes\.toml"):
        only(opened)
    assert [problem.file for problem in opened.verify()] == ["masks/a.png"]


def test_folder_per_class(pairs, photograph, root, whole):
    """Folders are classes, sorted or in the TOML's order; an image may lack one of them."""
    for id in ("a", "b"):
        photograph(f"images/{id}.png")
        photograph(f"masks/lesion/{id}.png", MASK * 255)
    photograph("masks/hair/a_mask.png", (1 - MASK) * 7)
    opened = whole()
    assert opened.task.classes == ("hair", "lesion")
    by_id = {case.id: opened.read(case).mask for case in opened.cases("train")}
    assert np.array_equal(by_id["a"], np.where(MASK, 2, 1))
    assert np.array_equal(by_id["b"], MASK * 2)
    (root / "classes.toml").write_text('classes = ["lesion", "hair"]')
    assert whole().task.classes == ("lesion", "hair")
    (root / "classes.toml").write_text('classes = ["lesion", "nail"]')
    with pytest.raises(SegkitError, match="masks have a folder 'hair', and the other does not"):
        whole()


def test_overlapping_classes(photograph, whole):
    """A pixel of two classes is refused with both."""
    photograph("images/a.png")
    for name in ("hair", "lesion"):
        photograph(f"masks/{name}/a.png", MASK)
    with pytest.raises(SegkitError, match=r"masks/lesion/a\.png overlaps with class hair in 15 places"):
        only(whole())


def test_masks_that_are_none(pairs, whole):
    """Colours, photographs, empty files and masks that are all empty are told."""
    pairs("a", mask=np.random.default_rng(0).integers(0, 256, (6, 9), dtype=np.uint8))
    with pytest.raises(SegkitError, match=r"masks/a\.png has .* different values \(a photograph"):
        whole()
    pairs("a", mask=np.zeros((6, 9), np.uint8))
    with pytest.raises(SegkitError, match="all 1 masks are empty"):
        whole()
    pairs("a", mask=np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8))
    pairs("b")
    opened = whole()
    assert [(problem.file, problem.reason) for problem in opened.verify()] == [("masks/a.png", "is a mask in colours")]


def test_sizes_differ(pairs, photograph, whole):
    """Mask and image of different sizes are refused with both."""
    pairs("a")
    photograph("masks/a.png", MASK[:4])
    with pytest.raises(SegkitError, match=r"masks/a\.png has 4x9 pixels, its image images/a\.png 6x9"):
        only(whole())


@pytest.mark.parametrize("drawn_on", ["upright", "stored"])
def test_turned_photographs(root, photograph, whole, drawn_on):
    """A photograph with an orientation is turned where its mask then fits, else read as it is stored."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path = photograph("images/a.jpg", exif=exif, quality=100)
    stored = np.asarray(Image.open(path))
    expected = np.rot90(stored, -1) if drawn_on == "upright" else stored
    photograph("masks/a.png", np.rot90(MASK, -1).copy() if drawn_on == "upright" else MASK)
    opened = whole()
    [case] = opened.cases("train")
    assert np.array_equal(opened.read(case).image, expected.transpose(2, 0, 1))


def test_orientations_that_sizes_do_not_tell(photograph, whole):
    """A photograph turned by half with a mask that says nothing is told, until people say how the masks lie."""
    exif = Image.Exif()
    exif[0x0112] = 3
    stored = np.asarray(Image.open(photograph("images/a.png", exif=exif)))
    photograph("masks/a.png", MASK)
    opened = whole()
    [said] = opened.remarks()
    assert said.startswith("images/a.png has an EXIF orientation that its mask has not")
    assert [problem.file for problem in opened.verify()] == ["masks/a.png"]
    for orientation, expected in (("upright", stored[::-1, ::-1]), ("stored", stored)):
        opened = whole(orientation=orientation)
        assert not opened.remarks()
        assert not opened.verify()
        [case] = opened.cases("train")
        np.testing.assert_array_equal(opened.read(case).image, expected.transpose(2, 0, 1))
        np.testing.assert_array_equal(opened.read(case).mask, MASK)


def test_grey_photographs(photograph, whole):
    """Where all photographs are grey there is one channel; where one is in colour there are three."""
    photograph("images/a.png", MASK * 90)
    photograph("masks/a.png", MASK)
    assert whole().task.in_channels == 1
    photograph("images/b.png")
    photograph("masks/b.png", MASK)
    opened = whole()
    assert opened.task.in_channels == 3
    assert [opened.read(case).image.shape for case in opened.cases("train")] == [(3, 6, 9)] * 2


def test_predictions_are_palette_images(pairs, whole, tmp_path):
    """What is written of a photograph is a PNG whose indices are the labels."""
    pairs("a", mask=THREE)
    opened = whole()
    written = opened.write_labels(tmp_path / "a.b", THREE, opened.cases("train")[0].files[0])
    assert written.name == "a.b.png"
    assert np.array_equal(np.asarray(Image.open(written)), THREE)
    assert np.array_equal(opened.read_labels(written), THREE)

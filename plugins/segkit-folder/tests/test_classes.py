"""Classes named by value or colour, found where nobody has named them, or refused where two readings are possible."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from segkit import IGNORE, SegkitError, UsageError
from segkit_folder.classes_file import read_content

SHAPE = (24, 32)
FIRST, SECOND = np.zeros((2, *SHAPE), bool)
FIRST[3:12, 4:14] = True
SECOND[14:22, 16:28] = True
RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)


def grey(first: int, second: int = 0, rest: int = 0) -> np.ndarray:
    """A mask of two areas."""
    return np.select([FIRST, SECOND], [first, second], rest).astype(np.uint8)


def colours(first: tuple, second: tuple = (0, 0, 0), rest: tuple = (0, 0, 0)) -> np.ndarray:
    """A mask of two areas in colours."""
    return np.where(FIRST[..., None], first, np.where(SECOND[..., None], second, rest)).astype(np.uint8)


@pytest.fixture
def masks(photograph):
    """Write photographs, and masks by name, `masks(a=pixels)`; a picture is saved as it is."""

    def write(**pixels: np.ndarray | Image.Image) -> None:
        for id, values in pixels.items():
            photograph(f"images/{id}.png", np.random.default_rng(len(id)).integers(0, 255, (*SHAPE, 3), np.uint8))
            path = photograph(f"masks/{id}.png", FIRST.astype(np.uint8))
            (values if isinstance(values, Image.Image) else Image.fromarray(values)).save(path)

    return write


def read(reader, id: str) -> np.ndarray:
    """The label map of a case."""
    return next(reader.read(case).mask for case in reader.cases("train") if case.id == id)


@pytest.mark.parametrize(
    "toml",
    [
        'classes = {lesion = "#ff0000", hair = "#0f0"}',
        'lesion = "#FF0000"\nhair = "#00ff00"',
        '[classes]\nlesion = [255, 0, 0]\nhair = "0, 255, 0"',
        'classes = {background = "#000000", lesion = "255 0 0", hair = "0,255,0"}',
    ],
)
@pytest.mark.parametrize("palette", [False, True])
def test_named_colours(masks, root, whole, toml, palette):
    """Whether a file keeps them as RGB or in a palette of whatever order."""
    picture = Image.fromarray(colours(RED, GREEN))
    other = Image.fromarray(colours(GREEN, RED))
    masks(a=picture.quantize(3) if palette else picture, b=other.quantize(8) if palette else other)
    (root / "classes.toml").write_text(toml)
    opened = whole()
    assert opened.task.classes == ("lesion", "hair")
    np.testing.assert_array_equal(read(opened, "a"), grey(1, 2))
    np.testing.assert_array_equal(read(opened, "b"), grey(2, 1))


def test_named_background_and_ignored_colours(masks, root, whole):
    """A background that is not black, and a colour that counts for nothing."""
    masks(a=colours(RED, GREEN, WHITE))
    (root / "classes.toml").write_text('classes = {lesion = "#ff0000"}\nbackground = "#ffffff"\nignore = "#00ff00"')
    np.testing.assert_array_equal(read(whole(), "a"), grey(1, IGNORE))


def test_palettes_that_disagree_with_named_values(masks, root, whole):
    """Indices that are named as classes must stand for one colour in every file."""
    first, second = Image.fromarray(grey(1, 2)), Image.fromarray(grey(1, 2))
    first.putpalette([0, 0, 0, *RED, *GREEN])
    second.putpalette([0, 0, 0, *GREEN, *RED])
    masks(a=first, b=second)
    (root / "classes.toml").write_text('classes = ["lesion", "hair"]')
    opened = whole()
    np.testing.assert_array_equal(read(opened, "a"), grey(1, 2))
    with pytest.raises(SegkitError, match=r"masks/b\.png has index 1 #00ff00 in its palette, and 1 #ff0000 in masks/a"):
        read(opened, "b")


def test_palettes_that_agree(masks, whole):
    """Indices are the classes, as predictions have them."""
    first = Image.fromarray(grey(1, 2))
    first.putpalette([0, 0, 0, *GREEN, *RED])
    masks(a=first)
    opened = whole()
    assert opened.task.classes == ("class-1", "class-2")
    np.testing.assert_array_equal(read(opened, "a"), grey(1, 2))


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (grey(1, 255), grey(1), "have the values 1, 255: one class whose values were compressed, or several"),
        (grey(254, 255), grey(255), "have the values 254, 255: one class"),
        (grey(2, 2, 1), grey(2, 2, 1), "the values 1, 2 and never 0, and nothing says which is the background"),
        (grey(128), grey(255), r"masks/a\.png holds 0 and 128, masks/b\.png 0 and 255: one class or two"),
        (colours(RED, GREEN, WHITE), colours(RED), "|"),
        (colours(RED, RED, WHITE), colours(RED, RED, WHITE), "no mask has black for the background"),
        (colours(RED), grey(7), "masks/b.png is a mask in grey, masks/a.png one in colours"),
    ],
)
def test_two_readings_are_refused(masks, whole, a, b, said):
    """With the way out; three colours beside black are three classes."""
    masks(a=a, b=b)
    if said == "|":
        assert len(whole().task.classes) == 3
        return
    with pytest.raises(SegkitError, match=said) as caught:
        whole()
    assert "classes.toml" in caught.value.hint


@pytest.mark.parametrize("size", [2, 4])
def test_interpolated_masks_are_refused(masks, whole, size):
    """Greys and mixed colours along rims are no classes."""
    small = (SHAPE[1] // size, SHAPE[0] // size)
    for picture in (Image.fromarray(grey(255)), Image.fromarray(colours(RED, GREEN))):
        masks(a=picture.resize(small, Image.Resampling.BILINEAR).resize(SHAPE[::-1], Image.Resampling.BILINEAR))
        with pytest.raises(SegkitError, match=r"rims only|different|compressed") as caught:
            whole()
        assert "data.threshold=128" in caught.value.hint


def test_threshold_makes_any_mask_binary(masks, root, whole):
    """Greys, colours by their luma, 16 bits; one class may be named, several not."""
    ramp = np.tile(np.linspace(0, 255, SHAPE[1]).astype(np.uint8), (SHAPE[0], 1))
    masks(a=ramp, bb=colours(GREEN), ccc=FIRST.astype(np.uint16) * 900)
    opened = whole(threshold=128.0)
    np.testing.assert_array_equal(read(opened, "a"), ramp > 128)
    np.testing.assert_array_equal(read(opened, "bb"), FIRST)
    np.testing.assert_array_equal(read(opened, "ccc"), FIRST)
    (root / "classes.toml").write_text('classes = ["a", "b"]')
    with pytest.raises(UsageError, match=r"tells one class apart, classes\.toml names 2"):
        whole(threshold=128.0)


def test_what_is_wrong_with_a_mask_is_not_replaced(masks, photograph, whole):
    """Empty masks beside one that cannot be read: the latter is told."""
    masks(a=grey(0), b=grey(0))
    photograph("masks/b.png", np.dstack([colours(RED), FIRST.astype(np.uint8) * 255]))
    with pytest.raises(SegkitError, match=r"masks/b\.png is a mask that is partly transparent"):
        whole()


def test_masks_of_nothing_and_everything(masks, whole):
    """Are told by verify with their names, and so is a class that one of twenty masks has."""
    masks(**{f"c{number}": grey(1) for number in range(20)}, empty=grey(0), full=grey(1, 1, 1), rare=grey(1, 2))
    opened = whole()
    told = {problem.file: problem.reason for problem in opened.verify()}
    assert told["masks/empty.png"] == "marks no pixel"
    assert told["masks/rare.png"] == "is the only one of 23 masks with class class-2"
    masks(rare=grey(1))
    told = {problem.file: problem.reason for problem in whole().verify()}
    assert told == {"masks/empty.png": "marks no pixel", "masks/full.png": "marks every pixel"}


def test_one_class_per_folder_with_several_values(masks, photograph, whole):
    """A folder's mask of many greys is refused with the setting; with it, it is read."""
    values = grey(255, 60)
    photograph("images/a.png", np.zeros((*SHAPE, 3), np.uint8))
    photograph("masks/lesion/a.png", values)
    opened = whole()
    with pytest.raises(SegkitError, match=r"masks/lesion/a\.png marks one class with 2 values: 60, 255; .*threshold"):
        read(opened, "a")
    np.testing.assert_array_equal(read(whole(threshold=128.0), "a"), FIRST)
    np.testing.assert_array_equal(read(whole(threshold=0.0), "a"), FIRST | SECOND)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("labelmap.txt", "# label:color_rgb:parts:actions\nbackground:0,0,0::\nlesion:255,0,0::\nhair:0,255,0::\n"),
        ("label_colors.txt", "0 0 0\tbackground\n255 0 0\tlesion\n0 255 0\t\thair\n"),
    ],
)
def test_colours_as_cvat_and_camvid_list_them(masks, root, whole, file, text):
    """Their own files are read where they lie."""
    masks(a=colours(RED, GREEN))
    (root / file).write_text(text)
    opened = whole()
    assert opened.task.classes == ("lesion", "hair")
    np.testing.assert_array_equal(read(opened, "a"), grey(1, 2))
    (root / file).write_text("lesion red\n")
    with pytest.raises(SegkitError, match=f"{file} is no list of colours: the line 'lesion red'"):
        whole()


@pytest.mark.parametrize(
    "text", ["[]", "5", '{"labels": 5}', '{"labels": null}', '{"labels": [1]}', "[" * 100_000, '{"a": 1, "a": 2}', "{"]
)
def test_any_json_in_the_place_of_classes_is_a_sentence(tmp_path, text):
    """Whatever else a file named with data.classes holds: its name and what it should be."""
    path = tmp_path / "dataset.json"
    path.write_text(text)
    with pytest.raises(SegkitError, match=r"dataset\.json is no dataset\.json of nnU-Net"):
        read_content(path)

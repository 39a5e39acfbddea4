"""Masks that several readers drew of one case."""

import itertools

import numpy as np
import pytest

from segkit import IGNORE, SegkitError
from segkit_folder.hands import majority


def test_most_votes_win_and_the_first_reader_breaks_ties():
    """Against a count of votes pixel by pixel; who ignores a pixel does not vote."""
    labels = np.array([*itertools.product((0, 1, 2, IGNORE), repeat=3)], np.uint8).T
    found = majority(list(labels))
    for votes, label in zip(labels.T.tolist(), found.tolist(), strict=True):
        cast = [vote for vote in votes if vote != IGNORE]
        assert label == (max(cast, key=cast.count) if cast else IGNORE)


def test_folders_of_readers(root, photograph, whole):
    """They are no classes then; a case may lack a reader; classes, unions too, are those of the label images."""
    drawn = [np.zeros((6, 9), np.uint8) for _ in range(3)]
    for number, mask in enumerate(drawn):
        mask[: number + 2, :4] = 1
        mask[0] = 2
    for id, readers in (("a", 3), ("b", 1)):
        photograph(f"images/{id}.png")
        for number in range(readers):
            photograph(f"masks/reader{number + 1}/{id}.png", drawn[number])
    (root / "classes.toml").write_text("[classes]\nwhole = [1, 2]\ncore = 2")
    opened = whole(readers="majority")
    assert opened.task.classes == ("whole", "core")
    masks = {case.id: opened.read(case).mask for case in opened.cases("train")}
    assert np.array_equal(masks["a"], np.stack([drawn[1] > 0, drawn[1] == 2]))
    assert np.array_equal(masks["b"], np.stack([drawn[0] > 0, drawn[0] == 2]))


def test_readers_of_volumes(volume, whole):
    """As of photographs."""
    volume("images/a.nii.gz", np.arange(24, dtype=np.int16).reshape(2, 3, 4))
    for number in range(3):
        values = np.zeros((2, 3, 4), np.uint8)
        values[0, : number + 1] = 1
        volume(f"masks/reader{number}/a.nii.gz", values)
    opened = whole(readers="majority")
    assert np.count_nonzero(opened.read(opened.cases("train")[0]).mask) == 8


def test_readers_that_cannot_be(root, photograph, pairs, whole):
    """Other sizes, and masks that lie in no folders."""
    pairs("a")
    with pytest.raises(SegkitError, match="do not lie in a folder for each reader"):
        whole(readers="majority")
    (root / "masks" / "a.png").unlink()
    photograph("masks/one/a.png", np.ones((6, 9), np.uint8))
    photograph("masks/two/a.png", np.ones((6, 8), np.uint8))
    opened = whole(readers="majority")
    with pytest.raises(SegkitError, match=r"masks/two/a\.png has 6x8 pixels, its image images/a\.png 6x9"):
        opened.read(opened.cases("train")[0])


@pytest.mark.parametrize("readers", ["random", "mean"])
def test_readers_at_random(root, photograph, whole, readers):
    """Or their mean: each drawing of a training image is a case of its patient; what is scored is the majority."""
    drawn = [np.zeros((6, 9), np.uint8) for _ in range(3)]
    for number, mask in enumerate(drawn):
        mask[: number + 2, :4] = 1
    for id in "abc":
        photograph(f"images/{id}.png")
        for number in range(1 if id == "b" else 3):
            photograph(f"masks/reader{number + 1}/{id}.png", drawn[number])
    (root / "splits.csv").write_text("id,split\na,train\nb,train\nc,test\n")
    opened = whole(readers=readers)
    assert opened.averages_readings is (readers == "mean")
    train = opened.cases("train")
    assert [case.id for case in train] == ["a@reader1", "a@reader2", "a@reader3", "b"]
    assert [(case.reading_of, case.group) for case in train] == [*[("a", "a")] * 3, (None, None)]
    for case, mask in zip(train, [*drawn, drawn[0]], strict=True):
        assert np.array_equal(opened.read(case).mask, mask)
        assert len(case.files) == 2
    [scored] = opened.cases("test")
    assert np.array_equal(opened.read(scored).mask, drawn[1])
    each = opened.samples_of_readers(scored)
    assert [*each] == ["reader1", "reader2", "reader3"]
    assert all(np.array_equal(one.mask, mask) for one, mask in zip(each.values(), drawn, strict=True))
    assert not opened.verify()


def test_without_readers_nobody_is_asked(pairs, whole):
    """One mask per case is no reader's."""
    pairs("a", "b", "c")
    opened = whole()
    assert opened.samples_of_readers(opened.cases("train")[0]) == {}

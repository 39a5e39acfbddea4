"""dataset.json in both dialects, and what is refused of it."""

from __future__ import annotations

import json

import pytest

from segkit import SegkitError
from segkit_msd.description import read_description

DECATHLON = {"labels": {"0": "background", "1": "liver", "2": "spleen"}, "modality": {"0": "CT"}}
NNUNET = {"labels": {"background": 0, "spleen": 2, "liver": 1}, "channel_names": {"0": "T1", "1": "T2"}}


def read(tmp_path, content, encoding="utf-8"):
    """What a dataset.json of that content says."""
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / "dataset.json").write_text(text, encoding=encoding)
    return read_description(tmp_path)


def test_both_dialects(tmp_path):
    """Names by label and labels by name, modality and channel_names; classes come in label order."""
    assert read(tmp_path, DECATHLON).classes == read(tmp_path, NNUNET).classes == ("liver", "spleen")
    assert read(tmp_path, DECATHLON).channels == ("CT",)
    assert read(tmp_path, NNUNET).channels == ("T1", "T2")
    assert (read(tmp_path, DECATHLON).suffixed, read(tmp_path, NNUNET).suffixed) == (False, True)


def test_byte_order_mark(tmp_path):
    """A file that Windows' editor wrote is read."""
    assert read(tmp_path, DECATHLON, "utf-8-sig") == read(tmp_path, DECATHLON)


@pytest.mark.parametrize("ending", [".nii.gz", ".nii", "nii.gz", ".NII.GZ", "nii"])
def test_endings(tmp_path, ending):
    """With a dot or without, in any capitals: files are told by what they hold."""
    assert read(tmp_path, {**NNUNET, "file_ending": ending}) == read(tmp_path, NNUNET)


def test_ignored_label(tmp_path):
    """nnU-Net's label "ignore" is no class."""
    found = read(tmp_path, {**NNUNET, "labels": {"background": 0, "liver": 1, "ignore": 2}})
    assert (found.classes, found.ignore) == (("liver",), 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": None}, 'has no "labels"'),
        ({"labels": {"background": 0}}, "of background only"),
        ({"labels": {"0": "background", "1": "a", "3": "b"}}, "names the labels 1, 3, and not 2"),
        ({"labels": {"background": 0, "whole": [1, "b"], "core": 2}}, "'whole' is made of [1, 'b'], not of labels"),
        ({"labels": {"background": 0, "whole": [1, 2], "core": []}}, "'core' is made of [], not of labels"),
        ({"labels": {"background": 0, "whole": [1, 2, 1]}}, "'whole' names a label twice"),
        ({"labels": {"background": 0, "whole": [0, 1]}}, "'whole' is made of the background 0 too"),
        ({"labels": {"background": 0, "whole": [1, 3]}}, "names the labels 1, 3, and not 2"),
        ({"labels": {"1": "a", "01": "b"}}, "names label 1 twice"),
        ({"labels": {"1": "a", "2": "a"}}, "gives the name 'a' to two labels"),
        ({"labels": {"one": "liver"}}, "is no number with a name"),
        ({"labels": {"9" * 5000: "liver", "x": "y"}}, "is no number with a name"),
        ({"labels": {"²": "liver", "x": "y"}}, "is no number with a name"),
        ({"modality": None}, 'has neither "modality" nor "channel_names"'),
        ({"modality": {"0": "T1", "2": "T2"}}, "numbers the channels 0, 2"),
        ({"file_ending": ".mha"}, "files end in '.mha'"),
        ({"file_ending": ["nii.gz"]}, "files end in ['nii.gz']"),
        ({"dataset": []}, '"dataset" is no table of cases'),
        ({"dataset": {"a": {"label": "a.nii"}}}, '"dataset" has the entry'),
        ({"dataset": {"a": {"images": [1], "label": "a.nii"}}}, '"dataset" has the entry'),
        ({"dataset": {"../a": {"images": ["a"], "label": "a.nii"}}}, '"dataset" has the entry'),
        ({"training": {"image": "a"}}, '"training" is no list'),
        ({"training": [{"label": "a"}]}, '"training" has the entry'),
    ],
)
def test_what_cannot_be_meant(tmp_path, change, said):
    """One line that names dataset.json, what is wrong and the way out."""
    with pytest.raises(SegkitError, match=r"dataset\.json") as caught:
        read(tmp_path, {**DECATHLON, **change})
    assert said in caught.value.message
    assert caught.value.hint
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"labels": {},\n}', "in line 2"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "not a table"),
        ("", "line 1"),
    ],
)
def test_no_json(tmp_path, text, said):
    """A broken file is told with its line."""
    with pytest.raises(SegkitError, match=said):
        read(tmp_path, text)


def test_other_encoding(tmp_path):
    """Latin-1 is told, not guessed."""
    with pytest.raises(SegkitError, match=r"not text in UTF-8"):
        read(tmp_path, '{"name": "Größe"}', "latin-1")


def test_missing_file_leads_to_where_it_is(tmp_path):
    """The folder below or above is offered."""
    (tmp_path / "Task04").mkdir()
    read(tmp_path / "Task04", DECATHLON)
    (tmp_path / "Task04" / "imagesTr").mkdir()
    with pytest.raises(SegkitError, match=r"did you mean .*Task04\?"):
        read_description(tmp_path)
    with pytest.raises(SegkitError, match=r"did you mean the folder above it, .*Task04\?"):
        read_description(tmp_path / "Task04" / "imagesTr")

import json
import math

import pytest

from segkit import SegkitError
from segkit.rundir.read import read_cases, read_record, read_settings


def test_settings_keep_values_and_sources(run_folder):
    """Every setting comes with its value and who set it; folders by their last name."""
    settings = {entry.name: (entry.value, entry.source) for entry in read_settings(run_folder / "config.toml")}
    assert settings["data.size"] == ("128, 128", "recipe of isic")
    assert settings["run.deterministic"] == ("false", "core default")
    assert settings["run.output"] == ("first", "flag")
    assert settings["data.look_up"] == ("table.csv", "config file local.toml")


def test_relative_data_root_is_shortened_too(tmp_path):
    """A relative data root shows its last name only."""
    config = tmp_path / "config.toml"
    config.write_text('[data]\nroot = "../someone/isic"  # flag\n', encoding="utf-8")
    assert [entry.value for entry in read_settings(config)] == ["isic"]


def test_cases_hold_undefined_and_infinite_values(tmp_path):
    """nan and inf are read as such."""
    path = tmp_path / "cases.csv"
    path.write_text(
        "case,group,class,reference,predicted,status,dice,hd95\na,p1,x,0,0,empty,nan,inf\n", encoding="utf-8"
    )
    (row,) = read_cases(path)
    assert math.isnan(row.values["dice"])
    assert row.values["hd95"] == math.inf
    assert (row.case, row.group, row.class_name, row.reference, row.status) == ("a", "p1", "x", 0, "empty")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("summary.json", "{", r"summary\.json is damaged: it is not JSON"),
        ("summary.json", "[]", "it is a list, not a table"),
        ("summary.json", "{}", "name is missing"),
        ("history.jsonl", '{"epoch": 1}\n{"epo', "line 2 is damaged: it is not JSON"),
        ("cases.csv", "case,group\n", "has no column 'class'"),
        (
            "cases.csv",
            "case,group,class,reference,predicted,status,dice\na,,x,1,many,ok,0.5\n",
            "line 2 is not a scored",
        ),
        ("config.toml", "[run]\nseed =\n", "is not valid TOML"),
    ],
)
def test_broken_files_are_named(tmp_path, run_writer, name, content, message):
    """A file that cannot be understood gives a sentence with its name."""
    folder = run_writer(tmp_path / "run")
    (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(SegkitError, match=message):
        read_record(folder)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    """Without summary.json there is no run to report."""
    with pytest.raises(SegkitError, match=r"summary\.json does not exist"):
        read_record(tmp_path)


def test_anonymous_record_has_no_case_ids(tmp_path, run_writer):
    """Case ids and groups become numbers, the scores stay."""
    folder = run_writer(tmp_path / "run")
    path = folder / "cases.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",,lesion", ",patient-7,lesion"), encoding="utf-8")
    plain, hidden = read_record(folder), read_record(folder, anonymous=True)
    assert [row.values for row in hidden.cases] == [row.values for row in plain.cases]
    assert hidden.cases[4].case == hidden.case_names["ISIC_0000004"] == "case 005"
    assert {row.group for row in hidden.cases} == {"group 001"}


def test_notice_marks_generated_data_only(tmp_path, run_writer):
    """A run on generated data has a notice even where the summary gives no words."""
    folder = run_writer(tmp_path / "run", generated=False)
    assert read_record(folder).notice == ""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8")) | {"generated_sample": True}
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    assert "generated sample" in read_record(folder).notice

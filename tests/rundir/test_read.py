import json
import math

import pytest

from segkit import SegkitError
from segkit.rundir.read import (
    read_cases,
    read_environment,
    read_explained,
    read_history,
    read_record,
    read_settings,
    read_summary,
)


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
        ("config.toml", "[run]\nseed =\n", r"config\.toml is damaged: it is not TOML"),
    ],
)
def test_broken_files_are_named(tmp_path, run_writer, name, content, message):
    """A file that cannot be understood gives a sentence with its name."""
    folder = run_writer(tmp_path / "run")
    (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(SegkitError, match=message):
        read_record(folder)


def test_a_table_of_cases_without_the_main_metric_is_named(tmp_path, run_writer):
    """Also where it has one row alone."""
    folder = run_writer(tmp_path / "run", cases=1)
    cases = folder / "cases.csv"
    cases.write_text(cases.read_text().replace(",dice,", ",other,", 1))
    with pytest.raises(SegkitError, match=r"cases\.csv has no column 'dice'"):
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


@pytest.mark.parametrize(
    ("leaks", "said"),
    [
        (None, ""),
        ({"scored_and_trained": 0}, ""),
        ({"scored_and_trained": "many"}, ""),
        ({"scored_and_trained": 1}, "1 of the scored images is among those trained on too"),
        ({"scored_and_trained": 2}, "2 of the scored images are among those trained on too"),
    ],
)
def test_scored_images_that_were_trained_on_are_a_warning(tmp_path, run_writer, leaks, said):
    """With their number; none where none was found, or where the file says nothing of it."""
    folder = run_writer(tmp_path / "run")
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8")) | {"leaks": leaks}
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    assert read_record(folder).leak == said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reference", str(2**63)),
        ("reference", "-1"),
        ("predicted", str(2**63)),
        ("predicted", "-1"),
        ("dice", "1e15"),
        ("dice", "-1e15"),
        ("dice", "x"),
        ("case", ""),
    ],
)
def test_figures_that_no_case_has_are_refused(tmp_path, name, value):
    """Counts below 0 or past what int64 holds, scores past all use; the last that is possible is read."""
    row = {"case": "a", "group": "", "class": "x", "reference": str(2**63 - 1), "predicted": "0", "status": "ok"}
    row["dice"] = "9.9e14"
    path = tmp_path / "cases.csv"

    def write(cells):
        path.write_text(",".join(cells) + "\n" + ",".join(cells.values()) + "\n", encoding="utf-8")

    write(row)
    (read,) = read_cases(path)
    assert (read.reference, read.predicted, read.values) == (2**63 - 1, 0, {"dice": 9.9e14})
    write({**row, name: value})
    with pytest.raises(SegkitError, match="line 2 is not a scored case"):
        read_cases(path)


def test_a_case_and_class_is_scored_once(tmp_path):
    """Twice would count it twice; two classes of a case, and a class of two cases, are different rows."""
    head = "case,group,class,reference,predicted,status,dice\n"
    path = tmp_path / "cases.csv"
    path.write_text(head + "a,,x,1,1,ok,1\na,,y,1,1,ok,1\nb,,x,1,1,ok,1\n", encoding="utf-8")
    assert len(read_cases(path)) == 3
    path.write_text(head + "a,,x,1,1,ok,1\na,,x,1,1,ok,0\n", encoding="utf-8")
    with pytest.raises(SegkitError, match="line 3 scores class x of a again"):
        read_cases(path)


def test_an_anonymous_page_calls_explained_cases_by_their_numbers(tmp_path, run_writer):
    """Ids in the setting explain.cases too: those of scored cases as numbers, others as nobody, ranks as they are."""
    folder = run_writer(tmp_path / "run")
    case = next(iter(read_record(folder).case_names))
    config = folder / "config.toml"
    config.write_text(config.read_text() + f'\n[explain]\ncases = ["worst:2", "{case}", "somebody"]  # --case\n')
    (setting,) = [one for one in read_record(folder, anonymous=True).settings if one.name == "explain.cases"]
    assert setting.value == "worst:2, case 001, a case"


def test_a_case_that_is_called_like_a_rank_is_hidden_all_the_same(tmp_path, run_writer):
    """Ranks stay, with and without a number; ids that only begin or end like one do not."""
    folder = run_writer(tmp_path / "run")
    config = folder / "config.toml"
    config.write_text(config.read_text() + '\n[explain]\ncases = "best, 2:worst, worst:anna, bestial"  # --case\n')
    (setting,) = [one for one in read_record(folder, anonymous=True).settings if one.name == "explain.cases"]
    assert setting.value == "best, a case, worst:anna, a case"


def test_only_a_summary_must_be_there(tmp_path):
    """The others are empty without a file; a summary, too, where that is said."""
    assert (read_environment(tmp_path / "e"), read_history(tmp_path / "h"), read_cases(tmp_path / "c")) == ({}, [], [])
    assert (read_explained(tmp_path / "x"), read_settings(tmp_path / "s")) == ([], [])
    with pytest.raises(SegkitError, match="s does not exist"):
        read_summary(tmp_path / "s")
    least = '{"name": "n", "task": {"classes": ["x"]}, "scores": [], "main_metric": "dice"}'
    assert read_summary(tmp_path / "s", absent=least)["name"] == "n"


@pytest.mark.parametrize(
    ("read", "hint"),
    [
        (read_summary, "score the run again"),
        (read_environment, "delete it to go on without it"),
        (read_explained, "remove it, and explain again"),
        (read_cases, "score the run again"),
    ],
)
def test_a_damaged_file_has_its_own_way_out(tmp_path, read, hint):
    """Each file another."""
    (tmp_path / "file").write_text("{")
    with pytest.raises(SegkitError) as caught:
        read(tmp_path / "file")
    assert caught.value.hint == hint


def test_values_are_written_for_people(tmp_path):
    """Lists without brackets, true and false as TOML has them, texts and numbers as they are."""
    (tmp_path / "config.toml").write_text('format = 1\n[a]\nb = [1, true, "x"]\nc = false\nd = "x  # y"\ne = 0.5\n')
    found = [(one.name, one.value) for one in read_settings(tmp_path / "config.toml")]
    assert found == [("a.b", "1, true, x"), ("a.c", "false"), ("a.d", "x  # y"), ("a.e", "0.5")]


def test_sources_are_those_of_the_table_not_of_the_comments(tmp_path, toy_registry):
    """As a run writes them, whatever signs a value holds; what was changed by hand since says so."""
    from segkit.config import Layer
    from segkit.planning.plan import make_plan

    flags = {"components.arch": "net", "components.data": "squares", "run.name": 'a  # b", c', "train.epochs": 3}
    config = make_plan([Layer("flag", flags)], toy_registry, {}).config
    path = tmp_path / "config.toml"
    path.write_text(config.to_toml())
    found = {one.name: one for one in read_settings(path)}
    assert {name: one.source for name, one in found.items()} == {
        name: config.origin(name).source for name in config.flat()
    }
    assert found["run.name"].value == config.run.name
    text = path.read_text().replace("epochs = 3 ", "epochs = 4 ", 1)
    path.write_text(text.replace("# flag", "# somebody", 1))
    changed = {one.name: one for one in read_settings(path)}
    assert (changed["train.epochs"].value, changed["train.epochs"].source) == ("4", "changed in config.toml since")
    assert {name: one for name, one in changed.items() if name != "train.epochs"} == {
        name: one for name, one in found.items() if name != "train.epochs"
    }


@pytest.mark.parametrize(
    "damage", ["origins = 3", '[[origins]]\nkind = "flag"', '[[origins]]\nkind = "flag"\nsource = "f"\nvalues = 3']
)
def test_a_damaged_table_of_origins_is_named(tmp_path, damage):
    """With its place."""
    (tmp_path / "config.toml").write_text(damage + "\n")
    with pytest.raises(SegkitError, match=r"config\.toml is damaged: origins"):
        read_settings(tmp_path / "config.toml")

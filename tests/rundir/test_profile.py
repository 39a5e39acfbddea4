"""The report's table of where a profiled run's time went."""

import json

import pytest

from segkit import SegkitError
from segkit.report.writer import write_report
from segkit.rundir.profile import read_profile

PARTS = {
    "data": 2.0,
    "waiting for data": 1.0,
    "augmentation": 1.5,
    "forward": 30.0,
    "backward": 60.0,
    "optimizer": 5.0,
    "train": 2.5,
    "metrics": 8.0,
}


def write_profile(folder, parts=PARTS):
    total = sum(parts.values())
    shares = {name: {"seconds": value, "share": value / total} for name, value in parts.items()}
    (folder / "profile.json").write_text(json.dumps({"steps": 10, "parts": shares}))


def test_the_largest_part_comes_first(tmp_path) -> None:
    """Parts are in the order of their seconds, and the shares are those of the file."""
    write_profile(tmp_path)
    profile = read_profile(tmp_path / "profile.json")
    assert [part.name for part in profile.parts][:3] == ["backward", "forward", "metrics"]
    assert profile.parts[0].share == 60 / 110


def test_the_loops_own_share_of_a_step(tmp_path) -> None:
    """Of 100 seconds of steps 95 are the network's, 1 was waited, 4 are the loop's own."""
    write_profile(tmp_path)
    assert read_profile(tmp_path / "profile.json").steps == {
        "network, loss and optimizer": pytest.approx(0.95),
        "waiting for data": pytest.approx(0.01),
        "the loop's own": pytest.approx(0.04),
    }


def test_a_run_that_trained_nothing_has_no_steps(tmp_path) -> None:
    """Shares of nothing are left out."""
    write_profile(tmp_path, {"evaluate": 1.0})
    assert read_profile(tmp_path / "profile.json").steps == {}


def test_a_run_without_profile_has_no_table(run_folder) -> None:
    """The usual page says nothing of it."""
    assert read_profile(run_folder / "profile.json") is None
    assert 'id="profile"' not in (run_folder / "report.html").read_text()


def test_the_page_shows_each_part(run_writer, tmp_path) -> None:
    """Part, seconds and share stand in the table."""
    folder = run_writer(tmp_path / "run")
    write_profile(folder)
    page = write_report(folder, []).read_text()
    assert '<th scope="row">backward</th><td>60.00</td><td>54.5 %</td>' in page
    assert '<th scope="row">training, all else</th><td>2.50</td><td>2.3 %</td>' in page
    assert "the loop&#39;s own 4.0 %" in page


@pytest.mark.parametrize("content", ["", "[]", '{"parts": {"a": 1}}', '{"parts": {"a": {"seconds": "x", "share": 0}}}'])
def test_a_damaged_profile_is_a_sentence(tmp_path, content) -> None:
    """The message names the file and the way out."""
    (tmp_path / "profile.json").write_text(content)
    with pytest.raises(SegkitError, match=r"profile\.json is damaged"):
        read_profile(tmp_path / "profile.json")

"""How many cases are read at once."""

import threading
import time

import numpy as np
import pytest
from PIL import Image

from segkit.data import at_once
from segkit.data.at_once import check_each, pixels_of, room_for
from segkit.data.case import Case, Problem
from segkit.data.photographs import channels_first


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Photographs of 100 and of 20 pixels, where 100 have room."""
    monkeypatch.setattr(at_once, "PIXELS", 100)
    paths = [tmp_path / f"{number}.png" for number in range(8)]
    for number, path in enumerate(paths):
        Image.new("RGB", (10, 10) if number < 4 else (10, 2)).save(path)
    return paths


def most_at_once(cases):
    """Check cases that take a moment each; returns how many were read at once at most."""
    now, most, lock = [], [0], threading.Lock()

    def check(case):
        with lock:
            now.append(case)
            most[0] = max(most[0], len(now))
        time.sleep(0.02)
        with lock:
            now.remove(case)

    assert check_each(check, cases, None) == []
    return most[0]


def test_large_photographs_take_turns(files):
    """Those that fill the room are read alone, small ones and what is no photograph beside each other."""
    large, small = ([Case(path.stem, files=(path,)) for path in part] for part in (files[:4], files[4:]))
    volumes = [Case(str(number), files=(files[0].with_suffix(".nii"),)) for number in range(4)]
    assert most_at_once(large) == 1
    assert most_at_once(small) > 1
    assert most_at_once(volumes) > 1


def test_one_larger_than_all_room_is_read(files, monkeypatch):
    """By itself: what is waited for comes."""
    monkeypatch.setattr(at_once, "PIXELS", 1)
    with room_for(files[:1]):
        pass
    assert most_at_once([Case(path.stem, files=(path,)) for path in files]) == 1


def test_room_is_given_back_where_reading_fails(files):
    """Else the next one would wait for ever."""
    for _ in range(3):
        with pytest.raises(OSError, match="gone"), room_for(files[:1]):
            raise OSError("gone")
    with room_for(files[:1]):
        assert at_once._taken == 100
    assert at_once._taken == 0


def test_what_cannot_be_opened_takes_no_room(tmp_path):
    """What is wrong with it is told where it is read."""
    (tmp_path / "a.png").write_bytes(b"no picture")
    (tmp_path / "b.png").mkdir()
    (tmp_path / "c.png").symlink_to("c.png")
    assert [pixels_of([tmp_path / name]) for name in ("a.png", "b.png", "c.png", "gone.png")] == [0, 0, 0, 0]
    assert pixels_of([]) == 0


def test_problems_come_in_the_order_of_the_cases(files):
    """And progress is told of every case."""
    cases, told = [Case(path.stem, files=(path,)) for path in files], []
    found = check_each(
        lambda case: Problem(case.id, "odd") if int(case.id) % 2 else None, cases, lambda *n: told.append(n)
    )
    assert [problem.file for problem in found] == ["1", "3", "5", "7"]
    assert told == [(done, 8) for done in range(1, 9)]


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (50, 3), (40, 40)])
@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 3), ("RGB", 1), ("L", 1)])
def test_pixels_are_turned_into_an_array_band_by_band(monkeypatch, size, mode, channels):
    """The same as all at once."""
    monkeypatch.setattr("segkit.data.photographs.BAND", 100)
    values = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8)
    picture = Image.fromarray(values).convert(mode)
    expected = np.asarray(picture.convert("RGB" if channels == 3 else "L"))
    expected = expected.transpose(2, 0, 1) if channels == 3 else expected[None]
    found = channels_first(picture, channels)
    assert found.flags["C_CONTIGUOUS"]
    assert np.array_equal(found, expected)


def test_a_file_without_a_size_is_not_opened(tmp_path, monkeypatch):
    """One of the system that is called a photograph, such as /proc/kmsg, would be waited for without an end."""
    monkeypatch.setattr("segkit.data.image_files.open_formats", pytest.fail)
    (tmp_path / "a.png").touch()
    assert pixels_of([tmp_path / "a.png"]) == 0

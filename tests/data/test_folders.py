from __future__ import annotations

import threading

import pytest

from segkit import SegkitError
from segkit.data.folders import locked, new_folder, writing


def test_a_folder_appears_whole(tmp_path):
    """Nothing stands at the final name before the block ends, all of it after."""
    final = tmp_path / "store"
    with locked(final), new_folder(final) as building:
        (building / "deep").mkdir()
        (building / "deep" / "file").write_text("all")
        assert not final.exists()
    assert (final / "deep" / "file").read_text() == "all"
    assert not building.exists()


def test_a_folder_that_stands_there_is_replaced(tmp_path):
    """No file of the old one is left."""
    final = tmp_path / "store"
    final.mkdir()
    (final / "old").touch()
    with locked(final), new_folder(final) as building:
        (building / "new").touch()
    assert [path.name for path in final.iterdir()] == ["new"]


def test_nothing_is_left_of_a_block_that_fails(tmp_path):
    """The old folder stays, the unfinished one goes, the error comes through."""
    final = tmp_path / "store"
    final.mkdir()

    def stop(building):
        (building / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), locked(final), new_folder(final) as building:
        stop(building)
    assert not building.exists()
    assert final.exists()


def test_what_a_killed_process_left_goes_and_what_is_being_built_stays(tmp_path):
    """A locked folder under construction is somebody's; one without a living owner is rubbish."""
    (tmp_path / "dead.building").mkdir()
    (tmp_path / "dead.lock").touch()
    with locked(tmp_path / "alive"), new_folder(tmp_path / "alive") as alive:
        with locked(tmp_path / "mine"), new_folder(tmp_path / "mine"):
            pass
        assert alive.exists()
    assert not (tmp_path / "dead.building").exists()
    assert (tmp_path / "alive").exists()


def test_the_lock_is_held_by_one_at_a_time(tmp_path):
    """A second holder waits until the first one is done."""
    order = []

    def second():
        with locked(tmp_path / "store"):
            order.append("second")

    thread = threading.Thread(target=second)
    with locked(tmp_path / "store"):
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_failing_write_says_what_and_where_and_how_to_move_it(tmp_path):
    """An OSError becomes a sentence; anything else comes through as it is."""
    reason = r"the store cannot be written in .*: No space left on device"
    with pytest.raises(SegkitError, match=reason) as raised, writing("the store", tmp_path):
        raise OSError(28, "No space left on device")
    assert "SEGKIT_CACHE" in raised.value.hint
    with pytest.raises(ZeroDivisionError), writing("the store", tmp_path):
        raise ZeroDivisionError

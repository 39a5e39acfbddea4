"""What is about to be written and its disk has no room for is told before."""

from __future__ import annotations

import shutil

import pytest

from segkit import SegkitError
from segkit.files import check_room


def test_room_for_all_and_for_less(tmp_path, monkeypatch):
    """As many bytes as are free pass; one more is told with what is to be written, both sizes and the way out."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 2000})())
    check_room(2000, tmp_path, "a store")
    with pytest.raises(SegkitError, match=r"a store needs 2 kB, the disk of .* has 2 kB free; free some space"):
        check_room(2001, tmp_path, "a store")
    with pytest.raises(SegkitError, match="a store needs 3 kB, the cache's disk has 2 kB free; set SEGKIT_CACHE"):
        check_room(3000, tmp_path, "a store", disk="the cache's disk", hint="set SEGKIT_CACHE")

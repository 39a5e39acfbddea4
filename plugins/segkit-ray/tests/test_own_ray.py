"""The token of a Ray that a launcher starts: made once, for its user alone, and not where people say their own."""

from __future__ import annotations

import pytest

pytest.importorskip("segkit_ray")

from segkit import SegkitError
from segkit_ray import own_ray


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home of its own, in which nobody says how Ray is to know its users."""
    for name in own_ray.SAID:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_token_is_made_once(home) -> None:
    """All commands of a user show the same one, which nobody else can read."""
    assert own_ray.headers() == {}
    path = own_ray.token_file()
    token = path.read_text()
    assert len(token) == 64
    assert path.stat().st_mode & 0o777 == 0o600
    assert own_ray.token_file().read_text() == token
    assert own_ray.headers() == {"Authorization": f"Bearer {token}"}
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_what_people_say_holds(home, monkeypatch) -> None:
    """Their own token, or none: nothing is made, nothing is shown."""
    own_ray.token_file()
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(home / "mine"))
    assert own_ray.said()
    assert own_ray.headers() == {}


def test_a_home_that_cannot_be_written(home) -> None:
    """One line, with the way out; no Ray is started without a token."""
    (home / ".ray").write_text("")
    with pytest.raises(SegkitError, match=r"cannot write .*segkit_token: .*; say where a token is: RAY_AUTH_TOKEN"):
        own_ray.start(1)

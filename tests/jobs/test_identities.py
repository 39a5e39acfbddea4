"""What stands behind case ids is written where somebody asks, and only of names that hide it."""

from pathlib import Path

import pytest

from segkit import SegkitError, UnusableFileError, UsageError
from segkit.jobs.identities import Named, keep_identities


class Hiding:
    """A format that calls images by digests."""

    @classmethod
    def identify(cls, files):
        """Say whose a file is; one of them cannot be read, one hides nobody."""
        if files[0].name == "broken":
            raise UnusableFileError("broken", "is cut off", "copy it again")
        return {} if files[0].name == "plain" else {"patient": files[0].name.upper()}


def named(*names, reader=Hiding):
    """Images of these files, called by a digest."""
    return [Named(f"id-{name}", reader, (Path(name),)) for name in names]


def test_it_is_written_for_the_user_alone_and_told(tmp_path):
    """One that cannot be read is in it with the reason: the command tells it too, and goes on."""
    told = []
    path = tmp_path / "ids.json"
    for _ in range(2):  # the same command again
        keep_identities(path, named("ada", "broken", "plain"), told.append, out_of=tmp_path / "out")
    assert path.read_text() == (
        '{\n "id-ada": {\n  "patient": "ADA"\n },\n "id-broken": {\n  "not known": "broken is cut off"\n }\n}\n'
    )
    assert path.stat().st_mode & 0o077 == 0
    assert told == [f"warning: {path} identifies the people behind 2 cases: keep it where their records are kept"] * 2


def test_names_that_hide_nobody_are_a_usage_error(tmp_path):
    """Of formats that call images as their files, and of photographs that segkit itself reads."""
    for images in (named("plain"), named("ada", reader=None), named("ada", reader=object)):
        with pytest.raises(UsageError, match="hide nobody"):
            keep_identities(tmp_path / "ids.json", images, print, out_of=None)
    assert not list(tmp_path.iterdir())


def test_it_lies_in_no_folder_that_is_handed_on(tmp_path):
    """Also by a link that leads there."""
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "link").symlink_to(out)
    for path in (out / "ids.json", tmp_path / "link" / "ids.json", out / "deep" / ".." / "ids.json"):
        with pytest.raises(UsageError, match="handed on without names"):
            keep_identities(path, named("ada"), print, out_of=out)


@pytest.mark.parametrize("content", [b"{}", b"\xff\xfe"])
def test_what_is_there_is_not_replaced(tmp_path, content):
    """Whatever it is."""
    path = tmp_path / "ids.json"
    path.write_bytes(content)
    with pytest.raises(SegkitError, match="something else"):
        keep_identities(path, named("ada"), print, out_of=None)
    assert path.read_bytes() == content
    with pytest.raises(SegkitError, match="cannot be written"):
        keep_identities(tmp_path / "no" / "ids.json", named("ada"), print, out_of=None)

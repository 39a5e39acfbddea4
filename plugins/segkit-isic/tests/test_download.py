"""The official archives, fetched from a mirror on this machine."""

from __future__ import annotations

import functools
import http.server
import json
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import segkit
from segkit.cli import main
from segkit_isic import layout
from segkit_isic.params import IsicParams
from segkit_isic.reader import IsicReader


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that a web server shows, which is named in the environment."""
    folder = tmp_path / "mirror"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv(layout.MIRROR_VARIABLE, f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SEGKIT_DATA", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield folder
    server.shutdown()
    server.server_close()


def publish(mirror: Path, root: Path, year: str) -> None:
    """Pack every folder of a year as the official archives are: one folder each."""
    (mirror / year).mkdir()
    for name in layout.folder_names(year):
        with zipfile.ZipFile(mirror / year / f"{name}.zip", "w") as opened:
            for path in sorted((root / name).iterdir()):
                opened.write(path, f"{name}/{path.name}")


def add_year(add, year: str) -> None:
    """One pair per split, none like another."""
    for number, split in enumerate(layout.YEARS[year]):
        add(split, f"ISIC_{number}", year=year)


def test_official_addresses():
    """Without a mirror the archives are those of the challenge."""
    assert layout.archive_urls("2017")[0] == (
        "https://isic-challenge-data.s3.amazonaws.com/2017/ISIC-2017_Training_Data.zip"
    )
    assert [len(layout.archive_urls(year)) for year in ("2016", "2017", "2018")] == [4, 6, 6]


@pytest.mark.parametrize("year", ["2016", "2017", "2018"])
def test_every_year_is_read_after_its_download(add, root, mirror, tmp_path, year):
    """What was fetched is the dataset, pixel for pixel."""
    add_year(add, year)
    publish(mirror, root, year)
    IsicReader.download(tmp_path / "fetched", IsicParams(year=year), lambda what, done, total: None)
    before, after = IsicReader(root, IsicParams()), IsicReader(tmp_path / "fetched", IsicParams())
    assert after.year == year
    for split in layout.YEARS[year]:
        [first], [second] = before.cases(split), after.cases(split)
        assert first.id == second.id
        assert (before.read(first).image == after.read(second).image).all()
        assert (before.read(first).mask == after.read(second).mask).all()


def test_command_downloads_to_where_runs_look(add, root, mirror, tmp_path):
    """`segkit data download isic` fetches 2017 into the cache, records it, and the other commands find it there."""
    add_year(add, "2017")
    publish(mirror, root, "2017")
    result = CliRunner().invoke(main, ["data", "download", "isic", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["cases"] == {"train": 1, "val": 1, "test": 1}
    assert [item["archive"] for item in told["archives"]] == sorted(f"{n}.zip" for n in layout.folder_names("2017"))
    assert Path(told["root"]) == tmp_path / "cache" / "data" / "isic"
    verified = CliRunner().invoke(main, ["data", "verify", "isic", "--deep"])
    # One photograph was used for all three splits: a leak that only the contents show.
    assert verified.exit_code == 1
    assert verified.stdout.count("is the same file as ISIC-2017_Training_Data/ISIC_0.png of split train") == 2


def test_unfinished_download_is_named(add, root, mirror, tmp_path):
    """After a download that broke, a run says how to go on with it, and verify what is not there."""
    add_year(add, "2017")
    publish(mirror, root, "2017")
    (mirror / "2017" / "ISIC-2017_Training_Data.zip").write_bytes(b"")
    with pytest.raises(segkit.SegkitError, match=r"ISIC-2017_Training_Data\.zip is empty; fetch it again"):
        IsicReader.download(tmp_path / "cache/data/isic", IsicParams(), lambda what, done, total: None)
    (tmp_path / "cache/data/isic/.segkit-download/ISIC-2017_Training_Data.zip.part").write_bytes(b"PK")
    with pytest.raises(segkit.SegkitError, match="its download is not finished: go on with segkit data download isic"):
        IsicReader(tmp_path / "cache/data/isic", IsicParams())


def test_missing_archive_is_a_sentence(mirror, tmp_path):
    """A mirror without the archive is named with its address."""
    with pytest.raises(segkit.SegkitError, match=r"2017/ISIC-2017_Training_Data\.zip cannot be fetched: .* 404"):
        IsicReader.download(tmp_path / "fetched", IsicParams(), lambda what, done, total: None)

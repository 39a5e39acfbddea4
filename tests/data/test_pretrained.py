"""Published weights: fetched into the cache, listed, refused where they are something else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save, save_file

from segkit.data import download
from segkit.data.pretrained import (
    PretrainedWeights,
    at_hand,
    download_weights,
    first_weights,
    how_to_bring,
    list_weights,
    place_of,
)
from segkit.errors import SegkitError

CONTENT = save({"stem.weight": np.arange(60_000, dtype=np.float32)})


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """A cache of its own, and a network without pauses and proxies."""
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache"


def silent(what, done, total):
    """Watch nothing."""


def test_weights_are_fetched_once_and_listed(web, cache):
    """A connection that breaks is gone on with; a second call sends nothing; the list says from where, and licence."""
    url = web.put("/r18/model.safetensors", CONTENT, drops=[100_000])
    weights = PretrainedWeights("lab/r18.v1", url, licence="apache-2.0", homepage="https://lab.example")
    assert at_hand(weights) is None
    assert first_weights(True, weights) is None
    kept = download_weights(weights, silent)
    assert kept.path.read_bytes() == CONTENT
    assert kept.path == cache / "weights" / "lab" / "r18.v1" / "model.safetensors" == at_hand(weights)
    assert [asked for _, asked in web.asked] == [None, "bytes=100000-"]
    assert download_weights(weights, silent) == kept
    assert web.sent == len(CONTENT)
    assert list_weights() == [kept]
    assert (kept.bytes, kept.licence, kept.url) == (len(CONTENT), "apache-2.0", url)


def test_files_that_belong_to_weights_lie_beside_them(web):
    """They are fetched first, so that weights are never there without them."""
    beside = web.put("/r18/config.json", b"{}")
    weights = PretrainedWeights("r18", web.put("/r18/model.safetensors", CONTENT), beside=(beside,))
    assert download_weights(weights, silent).path.with_name("config.json").read_bytes() == b"{}"
    assert [path for path, _ in web.asked] == ["/r18/config.json", "/r18/model.safetensors"]
    assert beside in how_to_bring(weights)


@pytest.mark.parametrize(
    ("content", "sha256", "message"),
    [
        (b"<html>please log in</html>", "", "gave no weights r18: .*safetensors"),
        (CONTENT[:-4], "", "gave no weights r18: "),
        (CONTENT, "00" * 32, "its SHA-256 is [0-9a-f]{64}, not 0000"),
        (None, "", "answered 404"),
    ],
)
def test_what_is_no_such_file_does_not_stay(web, content, sha256, message):
    """A page in the file's place, a cut file, another file and none: a sentence, and nothing is taken for weights."""
    url = web.base + "/gone/model.safetensors" if content is None else web.put("/model.safetensors", content)
    weights = PretrainedWeights("r18", url, sha256=sha256)
    with pytest.raises(SegkitError, match=message):
        download_weights(weights, silent)
    assert at_hand(weights) is None
    assert list_weights() == []


@pytest.mark.parametrize(("content", "sha256"), [(b"notes of mine", ""), (CONTENT, "00" * 32)])
def test_a_brought_file_that_is_something_else_is_kept(content, sha256):
    """It is the user's: the sentence says where it lies, and nothing is asked of the server."""
    weights = PretrainedWeights("r18", "https://lab.example/model.safetensors", sha256=sha256)
    place = place_of(weights)
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    with pytest.raises(SegkitError, match=r"model\.safetensors holds no weights r18: ") as caught:
        download_weights(weights, silent)
    assert "take the file away" in caught.value.hint
    assert place.read_bytes() == content


def test_a_file_that_was_brought_is_taken(tmp_path):
    """Put where the sentence says, it is at hand and listed, without an origin."""
    weights = PretrainedWeights("lab/r18", "https://lab.example/model.safetensors")
    place = place_of(weights)
    assert f"put it into {place.parent}" in how_to_bring(weights)
    place.parent.mkdir(parents=True)
    save_file({"a": np.zeros(3)}, place)
    assert first_weights(True, weights) == place
    assert [(one.name, one.url) for one in list_weights()] == [("lab/r18", "")]


def test_a_file_of_the_users_goes_before_what_is_published(tmp_path):
    """True, false and a file; another library's cache is looked into after segkit's own."""
    other = tmp_path / "hub.safetensors"
    save_file({"a": np.zeros(3)}, other)
    weights = PretrainedWeights("r18", "https://lab.example/model.safetensors", elsewhere=other)
    assert first_weights(False, weights) is None
    assert first_weights(True, weights) == other
    assert first_weights(True, None) is None
    assert first_weights(Path("mine.safetensors"), weights) == Path("mine.safetensors")


def test_a_damaged_record_is_named(web):
    """It is no JSON."""
    weights = PretrainedWeights("r18", web.put("/model.safetensors", CONTENT))
    record = download_weights(weights, silent).path.with_name("about.json")
    assert set(json.loads(record.read_text())) == {"url", "licence", "homepage", "sha256"}
    record.write_text("{")
    with pytest.raises(SegkitError, match=r"about.json is damaged"):
        list_weights()


@pytest.mark.parametrize("name", ["../r18", "/r18", "a//b", "a/..", "", "a b", "a/.hidden"])
def test_names_stay_in_the_cache(name):
    """A plugin cannot have weights put anywhere else."""
    with pytest.raises(ValueError, match="is no name of weights"):
        PretrainedWeights(name, "https://lab.example/model.safetensors")

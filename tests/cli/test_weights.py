"""`segkit weights`, and what `segkit info` says of weights."""

from __future__ import annotations

import functools
import http.server
import json
import sys
import threading
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import segkit
from segkit.data import download
from segkit.data.pretrained import PretrainedWeights
from segkit.engine.checkpoint import read_model
from segkit.engine.sealed import write_sealed


@dataclass(frozen=True)
class Params:
    size: str = segkit.param("small", "Which backbone.")
    pretrained: bool | Path = segkit.param(False, "First weights.", start=True)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def published(plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A plugin whose network starts with weights of a server on this machine: "large" has none."""
    served = tmp_path / "served"
    served.mkdir()
    save_file({"stem": np.zeros(1000, np.float32)}, served / "model.safetensors")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(served)))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/model.safetensors"

    def find(params: Params) -> PretrainedWeights | None:
        return None if params.size == "large" else PretrainedWeights(f"lab/{params.size}", url, licence="mit")

    module = types.ModuleType("starting")
    module.find = find
    monkeypatch.setitem(sys.modules, "starting", module)
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    starting = segkit.Architecture(
        name="starting",
        factory="m:f",
        summary="Starts from weights.",
        params=Params,
        pretrained="starting:find",
        defaults={2: {"arch.size": "tiny", "train.epochs": 5}},
    )
    plugins["segkit-starting"] = [starting]
    yield url
    server.shutdown()
    server.server_close()


def test_a_plugins_weights_are_fetched_and_at_hand(published, invoke, tmp_path):
    """Not at hand, fetched under the architecture's defaults, listed, at hand: in a pipe and as JSON."""
    assert (
        "weights\tlab/tiny (mit), not at hand: segkit weights download starting\n" in invoke("info", "starting").stdout
    )
    assert json.loads(invoke("weights", "list", "--json").stdout) == []
    done = invoke("weights", "download", "starting")
    assert done.exit_code == 0, done.output
    assert done.stdout.split("\t")[:2] == ["lab/tiny", "mit"]
    (told,) = json.loads(invoke("weights", "list", "--json").stdout)
    path = tmp_path / "cache" / "weights" / "lab" / "tiny" / "model.safetensors"
    assert (told["name"], told["url"], told["licence"]) == ("lab/tiny", published, "mit")
    assert (told["path"], told["bytes"]) == (str(path), path.stat().st_size)
    assert invoke("weights", "list").stdout.endswith(f"\t{published}\n")
    assert "weights\tlab/tiny (mit), at hand\n" in invoke("info", "starting").stdout
    (info,) = json.loads(invoke("info", "starting", "--json").stdout)
    assert info["weights"] == {"name": "lab/tiny", "url": published, "licence": "mit", "at_hand": True}


def test_params_choose_the_weights(published, invoke):
    """--set says which; what nobody publishes, and settings that choose nothing, are refused."""
    told = json.loads(invoke("weights", "download", "starting", "--set", "arch.size=huge", "--json").stdout)
    assert told["name"] == "lab/huge"
    for args, code, message in (
        (("starting", "--set", "arch.size=large"), 1, "knows of no weights for starting with these params"),
        (("net",), 1, "net declares no published weights"),
        (("starting", "--set", "arch.siz=large"), 2, "did you mean 'size'"),
        (("starting", "--set", "train.epochs=3"), 2, "does not change which weights are meant"),
        (("startin",), 2, "starting"),
    ):
        done = invoke("weights", "download", *args)
        assert (done.exit_code, message in done.stderr) == (code, True), done.output


def test_an_architecture_that_declares_weights_has_the_param():
    """Declared weights that nobody could choose are the author's mistake."""
    with pytest.raises(ValueError, match="declares pretrained weights, and has no param pretrained"):
        segkit.Architecture(name="one", factory="m:f", summary="One.", pretrained="m:g")
    with pytest.raises(ValueError, match=r"pretrained must be 'package.module:name'"):
        segkit.Architecture(name="one", factory="m:f", summary="One.", params=Params, pretrained="weights")


def test_average_of_runs(toy_run, invoke, tmp_path):
    """Two runs of one origin become a model that predicts; what began anew is refused, and so is another ending."""
    weights, header = read_model(toy_run / "model.safetensors")
    for name, add in (("a", 0.1), ("b", 0.3)):
        told = {**header, "format": 1, "started_from": {"source": "first", "digest": "ab" * 32}}
        write_sealed(
            tmp_path / f"{name}.safetensors", "segkit", told, {key: value + add for key, value in weights.items()}
        )
    done = invoke("weights", "average", "a.safetensors", "b.safetensors", "--output", "soup.safetensors", "--json")
    assert json.loads(done.stdout)["models"] == 2
    done = invoke("weights", "average", "a.safetensors", "b.safetensors", "--output", "soup.safetensors")
    assert (done.exit_code, "is there already" in done.stderr) == (2, True)
    done = invoke("weights", "average", "a.safetensors", "b.safetensors", "--output", "soup.safetensors", "--force")
    assert "average of 2 runs that started from first" in done.stdout
    assert invoke("weights", "average", "a.safetensors", "b.safetensors", "--output", "soup").exit_code == 2
    done = invoke("weights", "average", "run", "a.safetensors", "--output", "other.safetensors")
    assert (done.exit_code, "run did not start from weights" in done.stderr) == (1, True)

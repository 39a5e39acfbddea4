"""Two small models, of photographs and of volumes, and a server of both that real clients ask."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel
import numpy as np
import pytest
from PIL import Image

import segkit

sys.path.append(str(Path(__file__).parent))  # hostile_requests, which pytest's importlib mode does not find by itself

httpx = pytest.importorskip("httpx", reason="the tests of segkit-serve ask its server by httpx")
pytest.importorskip("uvicorn", reason="segkit-serve is not installed whole")

TINY = {"arch.depth": 2, "arch.width": 4, "run.device": "cpu", "run.workers": 0}
TOKEN = "a-token-for-the-tests"
AFFINE = np.diag([-1.0, 2.0, 3.0, 1.0])
"""Of the volumes: left to right turned round, 1 x 2 x 3 mm."""


@dataclass(frozen=True)
class Server:
    """A server that runs, and where it is."""

    base: str
    process: subprocess.Popen[str]
    temporary: Path
    stderr: Path
    photograph: Path
    volume: Path
    models: tuple[Path, Path]
    token: str = TOKEN

    def client(self, **options) -> httpx.Client:
        """Return a client that has the token."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.Client(base_url=self.base, headers=headers, timeout=60, **options)


def draw_photographs(root: Path) -> None:
    """Write eight photographs of a bright disc with their masks."""
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
    for number in range(8):
        random = np.random.default_rng(number)
        rows, columns = np.mgrid[:40, :48]
        mask = (rows - 12 - number) ** 2 + (columns - 20) ** 2 < 64
        image = (mask[..., None] * 150 + random.integers(0, 80, (40, 48, 3))).astype(np.uint8)
        Image.fromarray(image).save(root / "images" / f"c{number}.png")
        Image.fromarray(mask.astype(np.uint8) * 255).save(root / "masks" / f"c{number}.png")


def draw_volumes(root: Path) -> None:
    """Write eight volumes of a block within another, with their masks."""
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
    for number in range(8):
        random = np.random.default_rng(number)
        mask = np.zeros((16, 18, 12), np.uint8)
        mask[3:12, 4:14, 2:10] = 1
        mask[5:9, 6:11, 4:8] = 2
        image = (mask * 300.0 + random.normal(0, 30, mask.shape)).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(image, AFFINE), root / "images" / f"v{number}.nii.gz")
        nibabel.save(nibabel.Nifti1Image(mask, AFFINE), root / "masks" / f"v{number}.nii.gz")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """The folder of all, and the runs on photographs and on volumes."""
    place = tmp_path_factory.mktemp("serve")
    draw_photographs(place / "photographs")
    draw_volumes(place / "volumes")
    os.environ.setdefault("SEGKIT_CACHE", str(place / "cache"))
    runs = []
    for name, more in (("photographs", {"data.size": 32}), ("volumes", {"data.mode": "slices", "data.size": 16})):
        output = place / f"run-{name}"
        segkit.run(
            arch="unet", data="folder", data_root=place / name, epochs=1, output=output, settings={**TINY, **more}
        )
        runs.append(output)
    return place, runs[0], runs[1]


def start(place: Path, stderr: Path, arguments: tuple[str, ...], **options) -> tuple[subprocess.Popen[str], str]:
    """Start `segkit serve` and return it with the address that it prints."""
    more = {"OMP_NUM_THREADS": "1", "SEGKIT_SERVE_TOKEN": TOKEN, "TMPDIR": str(place), **options.pop("environ", {})}
    command = [sys.executable, "-m", "segkit", "serve", *arguments, "--port", "0", "--device", "cpu"]
    with stderr.open("w") as said:  # a pipe that nobody reads would hold the server up
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=said, text=True, env={**os.environ, **more}, **options
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://\S+:\d+", line)
    if found is None:
        process.kill()
        raise AssertionError(f"{line}{stderr.read_text()}")
    return process, found[0]


@pytest.fixture(scope="session")
def start_server(made: tuple[Path, Path, Path]) -> Callable[..., AbstractContextManager[Server]]:
    """Start a server of some models, with options, and of its process (environ, cwd); it ends with the block."""
    place = made[0]

    @contextmanager
    def started(*arguments: str, **options) -> Iterator[Server]:
        with TemporaryDirectory(dir=place) as folder:
            temporary, stderr = Path(folder) / "tmp", Path(folder) / "stderr"
            temporary.mkdir()
            process, base = start(temporary, stderr, arguments, **options)
            try:
                photograph, volume = place / "photographs/images/c3.png", place / "volumes/images/v3.nii.gz"
                yield Server(base, process, temporary, stderr, photograph, volume, made[1:])
            finally:
                process.terminate()
                process.wait(20)

    return started


@pytest.fixture(scope="session")
def server(made: tuple[Path, Path, Path], start_server) -> Iterator[Server]:
    """A server of both models."""
    with start_server(str(made[1]), str(made[2])) as found:
        yield found

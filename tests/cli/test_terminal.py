"""What strangers wrote reaches a terminal as text: no escape sequence, line break or turn of direction of theirs."""

from __future__ import annotations

import ast
import json
import os
import re
import struct
import subprocess
import sys
import threading
import unicodedata
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import segkit
from segkit.cli import main, output
from segkit.errors import SegkitError, one_line, printable

MARK = "\x1b[5m\x1b]0;owned\x07\r\n\u202e\x9b5m"
"""Blinks, sets the window's title, rings, goes back to the line's start, begins a new one, turns the direction."""
OURS = re.compile(rb"\r?\x1b\[(?:\?25[hl]\r?|[0-9;]*[mKAJ])")
"""What rich writes: colours, hiding of the cursor, lines cleared."""
WRITING = ("click.echo", "click.secho", "click.utils.echo", "sys.stdout.write", "sys.stderr.write")
SPEAKING = {
    "cli/output.py": {"echo", "print", "console"},
    "cli/progress.py": {"print"},
    "engine/plain_progress.py": {"print"},
    "cli/check.py": {"print", "echo"},
    "report/layout.py": {"print"},
    "report/tables.py": {"print", "write"},
}
"""The modules that write to a terminal, and the calls that do it; each of them makes its text safe."""


def on_terminal(*args: str, cwd: Path | None = None) -> bytes:
    """Run a command whose stdout and stderr are one terminal of 80 columns; returns all that it wrote."""
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    ours, theirs = pty.openpty()
    environ = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    environ |= {"COLUMNS": "80", "TERM": "xterm"}
    command = [sys.executable, "-m", "segkit", *args]
    started = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd, env=environ)
    os.close(theirs)
    written = b""
    while True:
        try:
            block = os.read(ours, 65536)
        except OSError:  # Linux tells the end of the other side so
            break
        if not block:
            break
        written += block
    os.close(ours)
    started.wait()
    assert written
    return written


def assert_text_only(written: bytes) -> None:
    """Fail where anything but text, line ends and rich's own sequences was written."""
    assert b"\x1b[5m" not in written
    text = OURS.sub(b"", written).replace(b"\r\n", b"\n").decode()
    odd = {sign for sign in text if sign not in "\n\t" and unicodedata.category(sign).startswith("C")}
    assert not odd, text


def checkpoint(path: Path, header: object) -> Path:
    """Write a safetensors file whose only content is what it says of itself."""
    text = json.dumps({"__metadata__": {"segkit": json.dumps(header)}}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    return path


def folder(root: Path) -> Path:
    """Write photographs and masks whose names and classes are hostile."""
    for kind, pixels in (("images", (8, 9, 3)), ("masks", (8, 9))):
        (root / kind).mkdir(parents=True)
        for number in range(8):
            values = np.random.default_rng(number).integers(0, 2, pixels).astype(np.uint8)
            Image.fromarray(values * (255 if kind == "images" else 1)).save(root / kind / f"{number}{MARK}x.png")
    (root / "classes.toml").write_text(f"classes = {{{json.dumps('lesion' + MARK)} = 1}}")
    (root / f"{MARK}.txt").touch()
    return root


def broken(root: Path) -> Path:
    """Write a folder as above whose first image has no mask."""
    next((folder(root) / "masks").iterdir()).unlink()
    return root


def runs(root: Path) -> Path:
    """Write a folder of runs, one of which has a hostile name and no summary that can be read."""
    run = root / f"run{MARK}"
    run.mkdir(parents=True)
    (run / "config.toml").write_text("[run]\nname = 3")
    (run / "summary.json").write_text(json.dumps({"name": MARK, "task": MARK, "scores": [MARK]}))
    return root


HEADER = {
    "segkit": MARK,
    "components": [{"kind": "arch", "name": f"evil{MARK}:net{MARK}", "version": MARK, "params": {MARK: MARK}}],
    "task": {"in_channels": 3, "classes": [MARK], "spatial_dims": 2},
}


@pytest.mark.parametrize("command", ["info", "verify"])
@pytest.mark.parametrize("write", [folder, broken])
def test_names_of_files_and_classes(write, command, tmp_path):
    """Hostile names of images, masks, classes and left-out files are shown escaped, in tables and in errors."""
    root = write(tmp_path / "data")
    written = on_terminal("data", command, "folder", "--data-root", str(root))
    assert_text_only(written)
    assert command == "verify" or rb"\x1b" in written


def test_folders_of_runs(tmp_path):
    """So are the names of runs, and what is wrong with their files."""
    assert_text_only(on_terminal("runs", str(runs(tmp_path / "runs"))))
    assert_text_only(on_terminal("report", str(next((tmp_path / "runs").iterdir()))))


def test_checkpoints(tmp_path):
    """So are the components and classes that a checkpoint names, and its tensors."""
    image = tmp_path / "image.png"
    Image.new("RGB", (8, 8)).save(image)
    model = checkpoint(tmp_path / "model.safetensors", HEADER)
    assert_text_only(on_terminal("predict", str(model), str(image), "-o", str(tmp_path / "out")))


def test_answers_of_servers(tmp_path, monkeypatch):
    """So is the reason that a server gives."""

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(403, MARK.replace("\r\n", "").encode("latin-1", "ignore").decode("latin-1"))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("SEGKIT_ISIC_MIRROR", f"http://127.0.0.1:{server.server_port}")
        written = on_terminal("data", "download", "isic", "--data-root", str(tmp_path / "data"))
        server.shutdown()
    assert_text_only(written)
    assert rb"403 \x1b[5m" in written


def test_what_pillow_warns_of(tmp_path):
    """A photograph whose EXIF is damaged is read as Pillow reads it, and Pillow's warning is not shown."""
    root = folder(tmp_path / "data")
    damaged = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHLL", 40, 0x0112, 2, 9999, 9999)
    for path in (root / "images").iterdir():
        picture = Image.open(path)
        path.unlink()
        picture.save(path.with_suffix(".jpg"), exif=damaged)
    with pytest.warns(UserWarning, match="Corrupt EXIF"):
        Image.open(next((root / "images").iterdir())).getexif()
    written = on_terminal("data", "info", "folder", "--data-root", str(root))
    assert b"EXIF" not in written
    assert b"Warning" not in written
    assert_text_only(written)


@pytest.mark.parametrize(
    "args",
    [
        ["run", "--arch", "unet", "--data", "folder", "--data-root", f"/nowhere{MARK}"],
        ["run", "--arch", "unet", "--data", "isic", "--set", f"{MARK}={MARK}"],
        ["run", f"--{MARK}"],
        [f"run{MARK}"],
        ["info", MARK],
        ["predict", f"gone{MARK}", f"gone{MARK}", "-o", f"out{MARK}"],
    ],
    ids=range(6),
)
def test_what_was_typed(args, tmp_path):
    """Messages repeat what was typed, which may be a name that came from elsewhere."""
    assert_text_only(on_terminal(*args, cwd=tmp_path))


@pytest.mark.parametrize("args", [["act"], ["--traceback", "act"]])
def test_messages_of_errors(args, tmp_path):
    """An error's message, a server's reason among them, is one line; its traceback is text too."""
    program = tmp_path / "program.py"
    program.write_text(
        "import click, sys\nfrom segkit.cli.groups import Group\n"
        "@click.group(cls=Group)\n@click.option('--traceback', is_flag=True)\ndef group(traceback): pass\n"
        f"@group.command()\ndef act(): raise ValueError({MARK!r})\ngroup()\n"
    )
    done = subprocess.run([sys.executable, str(program), *args], capture_output=True, check=False)
    assert done.returncode == 1
    assert rb"\x1b[5m" in done.stderr
    assert_text_only(done.stderr)


def test_progress(capsys):
    """So are the messages, stages and figures of a run under way, and what the core logs."""
    import logging

    from segkit.engine.plain_progress import PlainProgress

    progress = PlainProgress()
    progress.message(MARK)
    progress.epoch({"epoch": 1, "loss": 0.5, "terms": {MARK: 1.0}, "val": {MARK: 1.0}, "images_per_second": 1.0}, 2)
    logging.getLogger("segkit").warning("%s is damaged", MARK)
    assert_text_only(capsys.readouterr().err.encode())


@given(st.text())
def test_any_text(text):
    """Whatever text there is, it becomes one line of signs that a terminal shows; plain text stays as it is."""
    for made in (printable(text), one_line(text)):
        assert made.isprintable()
        made.encode()
    if text.isprintable():
        assert printable(text) == text


def test_nothing_else_writes_to_a_terminal():
    """Printing is done in the few modules that make text safe, so that a new command cannot forget it."""
    source = Path(segkit.__file__).parent
    for path in sorted(source.rglob("*.py")):
        name = path.relative_to(source).as_posix()
        if name.startswith(("testing/", "scaffold/")):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or all(isinstance(part, ast.Constant) for part in node.args):
                continue  # text of our own is safe
            called = ast.unparse(node.func)
            speaks = called == "print" or called in WRITING
            if speaks or re.search(r"console\(?.*\)?\.(print|file\.write)$", called):
                assert called.rpartition(".")[2] in SPEAKING.get(name, ()), f"{name}:{node.lineno} {called}"


LIBRARY = {
    "PIL/TiffImagePlugin.py": (UserWarning, False),
    "numpy/core.py": (RuntimeWarning, False),
    "torch/cuda/__init__.py": (UserWarning, True),
    "torch/old.py": (FutureWarning, False),
}


@pytest.mark.parametrize("module", LIBRARY)
def test_warnings_of_libraries(module, capsys):
    """They are lines of ours without paths and source, but for Pillow's, numpy's and those that programmers mend."""
    category, shown = LIBRARY[module]
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        with output.warnings_as_lines():
            for _ in range(3):
                warnings.warn_explicit(MARK + "words", category, f"/usr/lib/site-packages/{module}", 7, registry={})
    told = capsys.readouterr().err
    assert told.count("words") == (3 if shown else 0)
    assert "site-packages" not in told
    assert not shown or told.startswith("warning: torch: ")
    assert_text_only(told.encode())


def test_warnings_are_raw_where_somebody_asks(recwarn, capsys):
    """With --traceback Python shows them as always, and a command leaves the process's own way of showing alone."""
    before = warnings.showwarning
    with output.warnings_as_lines(raw=True):
        warnings.warn("words", UserWarning, stacklevel=1)
    assert [str(warning.message) for warning in recwarn] == ["words"]
    assert CliRunner().invoke(main, ["list"]).exit_code == 0
    assert warnings.showwarning is before
    assert "words" not in capsys.readouterr().err


def test_hints_of_errors_are_text():
    """A hint that a plugin gives is part of the line."""
    with pytest.raises(SegkitError) as caught:
        raise SegkitError("bad", MARK)
    assert one_line(str(caught.value)).isprintable()

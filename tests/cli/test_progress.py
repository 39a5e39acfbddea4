"""What is shown of a run while it goes."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console
from rich.text import Text

from segkit.cli.bar import Bar
from segkit.cli.progress import LiveProgress, make_progress
from segkit.engine.plain_progress import PlainProgress, duration, epoch_parts

RECORD = {
    "epoch": 2,
    "step": 10,
    "loss": 0.5,
    "terms": {"bce": 0.2, "dice": 0.3},
    "images_per_second": 12.34,
    "val": {"dice@store": 0.71234},
}


def test_epoch_line_has_loss_by_term_validation_speed_and_time() -> None:
    """All that the issue asks for is in the line."""
    assert "  ".join(epoch_parts(RECORD, 20, 125)) == (
        "epoch 2/20  loss 0.5000 (bce 0.2000, dice 0.3000)  val/dice@store 0.7123  12.3 images/s  2m 05s left"
    )


def test_a_single_term_is_not_repeated() -> None:
    """One term is the loss itself."""
    assert "(" not in "".join(epoch_parts({**RECORD, "terms": {"bce": 0.5}}, 20, 1))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0s"), (59.4, "59s"), (59.6, "1m 00s"), (3599, "59m 59s"), (7260, "2h 01m")]
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    """Seconds, minutes, hours."""
    assert duration(seconds) == text


def test_plain_progress_prints_one_line_per_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    """Steps print nothing, an epoch one line, all on stderr."""
    progress = PlainProgress()
    progress.message("data: here")
    progress.start("epoch 2/20", 5, "steps")
    for _ in range(5):
        progress.advance(1, {"loss": 0.5})
    progress.finish()
    progress.epoch(RECORD, 20)
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 2
    assert err.startswith("data: here\nepoch 2/20")


def test_live_progress_keeps_epoch_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the bar goes and the epoch's line stays, with nothing read as markup."""
    progress = LiveProgress()
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120)
    progress._console = console
    progress._bars.live.console = console
    progress.start("epoch 2/20", 5, "steps")
    progress.advance(5, {"loss": 0.5})
    progress.message("[red]case[/red]")
    progress.finish()
    progress.epoch(RECORD, 20)
    assert "epoch 2/20  loss 0.5000" in Text.from_ansi(stream.getvalue()).plain
    assert "[red]case[/red]" in stream.getvalue()


def test_what_the_core_logs_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """A warning of the core's logger becomes a line."""
    import logging

    make_progress()
    logging.getLogger("segkit").warning("the store is damaged and is built again")
    assert "warning: the store is damaged" in capsys.readouterr().err


def test_time_left_after_a_resume_counts_its_own_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a run resumed in epoch 10 of 12, one epoch of 30 s leaves two of 30 s."""
    clock = iter([100.0, 100.0, 130.0])
    # Not the module's own function: whatever runs beside the test asks it too.
    monkeypatch.setattr("segkit.engine.plain_progress.time", SimpleNamespace(monotonic=lambda: next(clock)))
    progress = PlainProgress()
    lines: list[str] = []
    monkeypatch.setattr(progress, "show", lines.append)
    progress.start("epoch 10/12", 5, "steps")
    progress.epoch({**RECORD, "epoch": 10}, 12)
    assert lines[0].endswith("1m 00s left")


def test_time_left_of_all_epochs(monkeypatch):
    """From the first steps on the bar says how long all epochs will take, as long as those so far."""
    now = [100.0]
    monkeypatch.setattr("segkit.engine.plain_progress.time.monotonic", lambda: now[0])
    progress = LiveProgress()
    try:
        progress.start_epoch(1, 4, 10)
        now[0] = 105.0
        assert progress.all_left(5) == pytest.approx(35.0)
        record = {"epoch": 1, "loss": 0.5, "terms": {}, "images_per_second": 1.0}
        now[0] = 110.0
        progress.finish()
        progress.epoch(record, 4)
        progress.start_epoch(2, 4, 10)
        now[0] = 115.0
        assert progress.all_left(5) == pytest.approx(25.0)
    finally:
        progress.close()


LONG = {**RECORD, "terms": {"focal-tversky": 0.2, "generalized-dice": 0.2, "auxiliary heads": 0.1}, "val": {}}


WIDTHS = [*range(12, 60, 5), 50, 60, 80, 120]


@pytest.mark.parametrize("record", [RECORD, LONG, {**RECORD, "val": {f"metric-{n}@store": n / 9 for n in range(7)}}])
def test_an_epoch_keeps_its_figures_with_their_names(record) -> None:
    """Whatever the width: no line is wider, nothing is lost, and a figure stands in the line of its name."""
    parts = epoch_parts(record, 20, 125)
    for width in WIDTHS[3:]:
        progress, stream = LiveProgress(), io.StringIO()
        progress._console = Console(file=stream, force_terminal=True, width=width, color_system=None)
        progress.show_epoch(parts)
        lines = stream.getvalue().splitlines()
        assert " ".join(stream.getvalue().split()) == " ".join("  ".join(parts).split())
        assert max(map(len, lines)) <= width
        for part in parts:
            assert len(part) > width - 2 or any(part in line for line in lines)


@pytest.mark.parametrize("name", ["epoch 3/20", "comparing with training", "evaluate"])
@pytest.mark.parametrize(
    "figures", [("loss 1.2345", 65.0, "1h 02m"), ("", None, ""), ("loss 0.1234  lr 0.001", 5.0, "")]
)
def test_the_line_of_a_stage_fits(name, figures) -> None:
    """Whatever the width: one line, with the name and the count whole, and a bar as soon as there is room."""
    told, left, all_left = figures
    fields = {"told": told, "epochs": 20, "all_left": all_left}
    task = SimpleNamespace(description=name, completed=123, total=456, time_remaining=left, fields=fields)
    for width in WIDTHS:
        console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
        lines = console.render_lines(Bar(lambda width=width: width).render(task), pad=False)
        shown = ["".join(segment.text for segment in line).rstrip() for line in lines]
        assert len(shown) == 1
        assert len(shown[0]) <= width
        assert "…" not in shown[0]
        assert "123/456" in shown[0]
        if width >= len(name) + 8:
            assert shown[0].startswith(f"{name} ")
        if width >= 80:
            assert "━" in shown[0]
            assert all(text in shown[0] for text in (told, all_left))

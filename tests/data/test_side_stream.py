"""The order in which batches are prepared beside the step before; streams are stood in for, there being no GPU."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from segkit.data.side_stream import one_ahead


class Streams:
    """Notes what is asked of torch.cuda, and on which stream."""

    def __init__(self) -> None:
        self.now = "step"
        self.seen: list[str] = []

    def Stream(self, device, priority):  # noqa: N802
        def record_event() -> str:
            self.seen.append("event")
            return "event"

        return SimpleNamespace(record_event=record_event)

    @contextmanager
    def stream(self, stream):
        before, self.now = self.now, "side"
        yield
        self.now = before

    def current_stream(self, device):
        return SimpleNamespace(wait_event=lambda event: self.seen.append(f"{self.now} waits"))


def batch(number: int, streams: Streams):
    tensor = SimpleNamespace(record_stream=lambda user: streams.seen.append(f"kept {number}"))
    return SimpleNamespace(number=number, images=tensor, masks=tensor)


def prepared(count: int, streams: Streams):
    for number in range(count):
        streams.seen.append(f"{streams.now} prepares {number}")
        yield batch(number, streams)


def test_the_next_is_prepared_before_one_is_handed_out() -> None:
    """Each batch is prepared on the side stream before the step of the one before; a step waits for its own."""
    streams = Streams()
    for found in one_ahead(prepared(2, streams), torch.device("cuda"), streams):
        streams.seen.append(f"step {found.number}")
    assert streams.seen == [
        "side prepares 0",
        "event",
        "side prepares 1",
        "event",
        "step waits",
        "kept 0",
        "kept 0",
        "step 0",
        "step waits",
        "kept 1",
        "kept 1",
        "step 1",
    ]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_every_batch_comes_once_in_order(count: int) -> None:
    """None is lost at the end, and none is made up."""
    streams = Streams()
    assert [found.number for found in one_ahead(prepared(count, streams), torch.device("cuda"), streams)] == [
        *range(count)
    ]

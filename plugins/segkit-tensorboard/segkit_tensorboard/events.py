"""Event files as TensorBoard reads them, written after every epoch and closed again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.summary.writer.record_writer import RecordWriter

from segkit.files import read_lines
from segkit.rundir.tracked import case_means, epoch_figures, shown_settings

if TYPE_CHECKING:
    from segkit import RunInfo

FILE = Path("tensorboard", "events.out.tfevents.segkit")
"""Within the run's directory. TensorBoard's own writer would put host name, process and time into the name."""
VERSION = "brain.Event:2"


def begin(run: RunInfo) -> None:
    """Start the file with the settings; that of a resumed run again, with the epochs that history.jsonl has."""
    (run.folder / FILE).parent.mkdir(exist_ok=True)
    (run.folder / FILE).unlink(missing_ok=True)
    write(run.folder, Event(file_version=VERSION), Event(summary=Summary(value=[config_text(run.config)])))
    for record in read_lines(run.folder / "history.jsonl", absent="") if run.resumed else ():
        add(run.folder, int(record["epoch"]), epoch_figures(record))


def add(folder: Path, step: int, scalars: Mapping[str, float]) -> None:
    """Append scalars of one step."""
    values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
    write(folder, Event(step=step, summary=Summary(value=values)))


def write(folder: Path, *events: Event) -> None:
    """Append events to the run's file."""
    with (folder / FILE).open("ab") as stream:
        writer = RecordWriter(stream)
        for event in events:
            event.wall_time = time.time()
            writer.write(event.SerializeToString())


def score_scalars(summary: Mapping[str, Any]) -> dict[str, float]:
    """The means over cases in summary.json, by split, metric and class; those that exist."""
    return {name: float(row["mean"]) for name, row in case_means(summary) if row["mean"] is not None}


def config_text(config: Mapping[str, Any]) -> Summary.Value:
    """The settings as a table in Markdown: curves are shown to others."""
    rows = [f"| {name} | {value} |" for name, value in shown_settings(config).items()]
    text = "\n".join(["| setting | value |", "| --- | --- |", *rows])
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    tensor = TensorProto(dtype=DT_STRING, string_val=[text.encode()])
    return Summary.Value(tag="config", metadata=metadata, tensor=tensor)

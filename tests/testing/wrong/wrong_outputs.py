"""Steps after prediction, exporters, sections and launchers that are each wrong in one way."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import numpy as np
import torch
from wrong import Table

from segkit import SectionContent

POSTPROCESSES, EXPORTERS, SECTIONS, LAUNCHERS = Table(), Table(), Table(), Table()


def step(check, says, *also):
    """Register a function of labels."""

    def register(function):
        def build(task, params):
            return function

        build.__name__ = function.__name__
        POSTPROCESSES.add(check, says, *also)(build)
        return function

    return register


@step("grid", "on the grid they came on")
def cut_to_its_box(labels):
    return labels[..., :-1]


@step("grid", "as whole numbers")
def shares(labels):
    return labels / max(1, labels.max())


@step("grid", "in wrong_outputs.py line")
def two_axes_only(labels):
    _height, _width = labels.shape
    return labels


@step("labels", "1, not 255")
def white(labels):
    return np.where(labels > 0, 255, 0).astype(np.uint8)


@step("labels", "the other way round", "empty")
def inverted(labels):
    return (labels == 0).astype(np.uint8)


@step("empty", "leave it empty")
def at_least_one(labels):
    if not labels.any():
        labels.flat[labels.size // 2] = 1
    return labels


@step("empty", "in wrong_outputs.py line")
def largest_of_none(labels):
    values, counts = np.unique(labels[labels > 0], return_counts=True)
    return labels * (labels == values[counts.argmax()])


@POSTPROCESSES.add("alone", "keep nothing from one case to the next")
def fills_from_the_case_before(task, params):
    kept = {}

    def change(labels):
        before = kept.get("labels")
        kept["labels"] = labels.copy()
        return labels if before is None or before.shape != labels.shape else np.where(before == 0, 0, labels)

    return change


@step("alone", "draw nothing")
def drops_specks_by_chance(labels):
    labels[np.array([random.random() < 0.05 for _ in range(labels.size)]).reshape(labels.shape)] = 0
    return labels


def exporter(check, says, *also):
    """Register a function of network, example and path."""

    def register(function):
        def build(params):
            return function

        build.__name__ = function.__name__
        EXPORTERS.add(check, says, *also, suffix=".bin")(build)
        return function

    return register


def written(network, path):
    """Write the network's weights."""
    weights = [value.detach().numpy().tobytes() for value in network.state_dict().values()]
    Path(path).write_bytes(b"".join(weights))


@exporter("writes", "give them an open file")
def suffix_added(network, example, path):
    np.savez(path, **{name: value.numpy() for name, value in network.state_dict().items()})


@exporter("writes", "it left nothing")
def returns_bytes(network, example, path):
    return b"".join(value.numpy().tobytes() for value in network.state_dict().values())


@exporter("writes", "it left labels.txt, part")
def a_file_beside_it(network, example, path):
    written(network, path)
    path.with_name("labels.txt").write_text("lesion")


@exporter("writes", "or a folder")
def a_folder(network, example, path):
    path.mkdir()


@exporter("writes", "in wrong_outputs.py line")
def planes_only(network, example, path):
    _samples, _channels, _height, _width = example.shape
    written(network, path)


@exporter("network-kept", "copy.deepcopy(network)")
def halves_the_network(network, example, path):
    written(network.half(), path)


@exporter("network-kept", "of the network changed")
def into_train_mode(network, example, path):
    written(network.train(), path)


@exporter("network-kept", "the example changed")
def fills_the_example(network, example, path):
    written(network, path)
    example.normal_(generator=torch.Generator().manual_seed(0))


def section(check, says, *also):
    """Register a function of a folder."""

    def register(function):
        def build(params):
            return function

        build.__name__ = function.__name__
        SECTIONS.add(check, says, *also)(build)
        return function

    return register


def lines(folder):
    """The lines of cases.csv; none where there is no such file."""
    path = Path(folder) / "cases.csv"
    return path.read_text().splitlines() if path.is_file() else []


@section("content", "return segkit.SectionContent")
def html(folder):
    return f"<p>{len(lines(folder))}</p>"


@section("content", "a text alone is taken apart")
def one_paragraph(folder):
    return SectionContent("Cases", f"{len(lines(folder))} lines")


@section("content", "write numbers as text")
def numbers(folder):
    return SectionContent("Cases", (), ("lines",), ((len(lines(folder)),),))


@section("content", "give each row every column")
def ragged(folder):
    return SectionContent("Cases", (), ("lines", "of"), ((str(len(lines(folder))),),))


@section("content", "say in a few words")
def untitled(folder):
    return SectionContent("", ("text",))


@section("content", "give the bytes of a PNG file")
def names_a_picture(folder):
    return SectionContent("Cases", pictures=(("A curve", "curve.png"),))


@section("content", "a picture has no sentence")
def silent_picture(folder):
    return SectionContent("Cases", pictures=(("", b"\x89PNG\r\n\x1a\n"),))


@section("read-only", "only read")
def writes_beside(folder):
    (Path(folder) / "curve.txt").write_text(str(len(lines(folder))))
    return SectionContent("Cases", ("text",))


@section("bare", "in wrong_outputs.py line")
def scores_expected(folder):
    text = (Path(folder) / "summary.json").read_text()
    return SectionContent("Summary", (text[:20],))


@section("repeatable", "leave out times")
def a_time(folder):
    return SectionContent("Cases", (str(random.random()),))


class Right:
    """Runs a command here, at once, and knows what became of it."""

    known: dict[str, str] = {}

    def submit(self, arguments, folder):
        """Run it to its end unless it sleeps."""
        name = str(len(self.known) + 1)
        if "sleep" in arguments[-1]:
            self.known[name] = "running"
            return name
        with (Path(folder) / "job.log").open("w") as log:
            code = subprocess.run(arguments, stdout=log, stderr=log, check=False).returncode
        self.known[name] = "failed" if code else "finished"
        return name

    def state(self, job):
        """What is known."""
        return self.known.get(job, "unknown")

    def cancel(self, job):
        """Nothing runs any more."""
        if self.known.get(job) == "running":
            self.known[job] = "failed"


def launcher(check, says, *also):
    """Register a class."""

    def register(kind):
        # What another launcher of the class knows too, as a queue does.
        kind.known = {}

        def build(params):
            return kind()

        build.__name__ = kind.__name__
        LAUNCHERS.add(check, says, *also)(build)
        return kind

    return register


@launcher("runs", "return the job's id as text")
class NumberForAnId(Right):
    def submit(self, arguments, folder):
        return int(super().submit(arguments, folder))


@launcher("runs", "answer one of waiting")
class OwnWords(Right):
    def state(self, job):
        return "COMPLETED" if super().state(job) == "finished" else super().state(job)


@launcher("runs", "folder / 'job.log'")
class LogElsewhere(Right):
    def submit(self, arguments, folder):
        (Path(folder) / "logs").mkdir()
        return super().submit(arguments, Path(folder) / "logs")


@launcher("runs", "in wrong_outputs.py line")
class OneString(Right):
    def submit(self, arguments, folder):
        return super().submit(arguments.split(), folder)


@launcher("fails", "look at the exit code", "cancels")
class AllIsWell(Right):
    def state(self, job):
        found = super().state(job)
        return "finished" if found == "failed" and job != "999999999" else found


@launcher("another-command", "keep the state on disk")
class InMemory(Right):
    def __init__(self):
        self.known = {}


@launcher("strange-id", "wrong_outputs.py line")
class KeyErrorOfAStranger(Right):
    def state(self, job):
        return self.known[job]


@launcher("strange-id", "the core then looks at the directory")
class RunningUnlessKnown(Right):
    def state(self, job):
        return self.known.get(job, "running")


@launcher("cancels", "of what did not come to its end")
class CancelledIsFinished(Right):
    def cancel(self, job):
        if self.known.get(job) == "running":
            self.known[job] = "finished"


@launcher("cancels", "tell how the job is", "cancels")
class SubmittedIsFinished(Right):
    def submit(self, arguments, folder):
        job = super().submit(arguments, folder)
        if self.known[job] == "running":
            self.known[job] = "finished"
        return job

"""Steps after prediction and exporters: what becomes of a label map, and what is written of a network."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segkit.declarations import Task
from segkit.errors import SegkitError
from segkit.testing.check import check, fail, listed
from segkit.testing.subjects import ComponentSubject

if TYPE_CHECKING:
    import numpy as np

SIZES = ((24, 30), (6, 20, 24))
NUMBERS = (1, 2, 15)


def labels_of(size: tuple[int, ...], classes: int) -> np.ndarray:
    """A label map with a structure of each class, specks, and a hole."""
    import numpy as np

    labels = np.zeros(size, np.uint8)
    random = np.random.default_rng(classes)
    for label in range(1, classes + 1):
        start = [int(random.integers(0, side - 4)) for side in size]
        labels[tuple(slice(place, place + 4) for place in start)] = label
    labels[tuple(slice(side // 2, -2) for side in size)] = 1
    labels[tuple(side * 3 // 4 for side in size)] = 0
    specks = random.random(size) < 0.01
    labels[specks] = classes
    return labels


def stepped(subject: ComponentSubject, labels: np.ndarray, classes: int, params: Any = None) -> np.ndarray:
    """Change a label map as the core has it done; what it refuses is a failure."""
    from segkit.engine.postprocess import PredictionStep

    task = Task(1, tuple(f"class-{number}" for number in range(1, classes + 1)), labels.ndim)
    function = subject.factory(task, subject.params if params is None else params)
    try:
        return PredictionStep(subject.name, function)(labels)
    except SegkitError as error:
        fail(error.message, "return labels as whole numbers, on the grid they came on")


@check("postprocess", "grid", needs=["resolves"], raised="take labels (H, W) and (D, H, W)")
def grid(subject: ComponentSubject) -> None:
    """Label maps of photographs and volumes keep their grid and are whole numbers, for 1, 2 and 15 classes."""
    for size in SIZES:
        for classes in NUMBERS:
            stepped(subject, labels_of(size, classes), classes)


@check("postprocess", "labels", needs=["grid"])
def labels_kept(subject: ComponentSubject) -> None:
    """Afterwards there are no labels but those of the task's classes, and not the wrong way round."""
    import numpy as np

    for size in SIZES:
        for classes in NUMBERS:
            before = labels_of(size, classes)
            after = stepped(subject, before, classes)
            strange = [int(label) for label in np.unique(after) if label > classes]
            if strange:
                fail(
                    f"with {classes} classes it gives label {strange[0]}",
                    "give labels 0 to the number of classes: 1, not 255, for what a single class has",
                )
            if after.any() and float(((before > 0) != (after > 0)).mean()) > 0.5:
                fail(
                    "most of the background became foreground or the other way round",
                    "return labels, 0 for the background: look whether labels == 0 was meant as labels != 0",
                )


@check("postprocess", "empty", needs=["grid"], raised="give labels back as they are where all are 0")
def empty(subject: ComponentSubject) -> None:
    """Where nothing is predicted nothing appears, and nothing is raised."""
    import numpy as np

    for size in SIZES:
        after = stepped(subject, np.zeros(size, np.uint8), 2)
        if after.any():
            fail(f"of an empty prediction {int((after > 0).sum())} pixels become foreground", "leave it empty")


@check("postprocess", "alone", needs=["grid"])
def alone(subject: ComponentSubject) -> None:
    """The same label map comes out the same, whatever was changed before, and what is given is left as it is."""
    import numpy as np

    task = Task(1, ("class-1", "class-2"), 2)
    function = subject.factory(task, subject.params)
    first, second = labels_of(SIZES[0], 2), labels_of(SIZES[0], 2)[::-1].copy()
    kept = first.copy()
    one = np.array(function(first))
    function(second)
    if not np.array_equal(one, np.array(function(kept.copy()))):
        fail("after another case it gives another result", "keep nothing from one case to the next, and draw nothing")


@check("exporter", "writes", needs=["resolves"], raised="take examples (1, C, H, W) and (1, C, D, H, W)")
def writes(subject: ComponentSubject) -> None:
    """It writes one file, under the name it is given and nothing beside it, for 2D and 3D and 1 and 3 classes."""
    import torch

    from segkit.testing.explainers import make_network

    for dims, classes in ((2, 3), (2, 1), (3, 2)):
        model = make_network(dims, classes=classes)
        example = torch.zeros(1, 3, *((16, 24) if dims == 2 else (8, 12, 8)))
        with tempfile.TemporaryDirectory() as folder:
            # The core hands over a name without the suffix: a part that takes its place once it is whole.
            path = Path(folder) / "part"
            with torch.no_grad():
                subject.factory(subject.params)(model, example, path)
            found = sorted(one.name for one in Path(folder).iterdir())
            if found != ["part"]:
                fail(
                    f"asked to write {path.name} it left {listed(found) or 'nothing'}",
                    "write to path as it is: some libraries add their own suffix, give them an open file",
                )
            if not path.is_file() or not path.stat().st_size:
                fail("what it wrote is empty, or a folder", "write one file")


@check("exporter", "network-kept", needs=["writes"])
def network_kept(subject: ComponentSubject) -> None:
    """Network and example are as they were."""
    import torch

    from segkit.testing.explainers import make_network, snapshot

    model, example = make_network(), torch.ones(1, 3, 16, 24)
    before = snapshot(model)
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(FileNotFoundError), torch.no_grad():
        subject.factory(subject.params)(model, example, Path(folder) / "part")
    after = snapshot(model)
    for name, value in before.items():
        if after.get(name) != value:
            fail(f"{name} of the network changed", "work on copy.deepcopy(network)")
    if not bool((example == 1).all()):
        fail("the example changed", "work on a copy")

"""The data stage of a job: which splits are stored, on which grid, and what is told of it."""

from types import SimpleNamespace

import pytest

from segkit.config import Layer
from segkit.discovery import Registry
from segkit.engine.progress import Progress
from segkit.errors import SegkitError
from segkit.jobs.run import run_job
from segkit.jobs.stores import counting, open_stores, training_spacing, volume_layout
from segkit.planning.plan import make_plan


class Heard(Progress):
    """Keeps what a job tells."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.steps: list[int] = []
        self.began: list[tuple[str, int]] = []

    def message(self, text: str) -> None:
        self.lines.append(text)

    def start(self, name: str, total: int, unit: str) -> None:
        self.began.append((name, total))

    def advance(self, count: int = 1, details: object = None) -> None:
        self.steps.append(count)


def job_of(registry: Registry, **values: object) -> SimpleNamespace:
    """As much of a job as its data stage looks at."""
    flags = {name.replace("__", "."): value for name, value in values.items()}
    plan = make_plan([Layer("flag", {"components.arch": "solid", "components.data": "blocks", **flags})], registry, {})
    return SimpleNamespace(plan=plan, progress=Heard(), workers=1)


def test_a_count_that_is_done_becomes_steps() -> None:
    """Progress is told what was added, not what there is."""
    heard = Heard()
    advance = counting(heard)
    for done in (2, 3, 7):
        advance(done, 7)
    assert heard.steps == [2, 1, 4]


@pytest.mark.parametrize(
    ("values", "size", "spacing", "said"),
    [
        ({"data__mode": "slices"}, (16, 16), None, "volumes: axial slices of 16 x 16"),
        ({"data__mode": "slab", "data__slab": 3}, (16, 16), None, "volumes: axial slabs of 3 slices of 16 x 16"),
        (
            {"data__mode": "patches", "data__spacing": (1.0, 0.5, 0.75)},
            None,
            (1.0, 0.5, 0.75),
            "volumes: patches of 8 x 16 x 16 voxels at 1 x 0.5 x 0.75 mm (D x H x W)",
        ),
        (
            {"data__mode": "patches", "data__spacing": (4.0, 0.5, 0.5)},
            None,
            (4.0, 0.5, 0.5),
            "volumes: patches of 8 x 16 x 16 voxels at 4 x 0.5 x 0.5 mm (D x H x W), along the D axis by the nearest "
            "plane",
        ),
    ],
)
def test_the_grid_of_volumes_is_chosen_and_told(
    toy_registry: Registry, values: dict, size: tuple | None, spacing: tuple | None, said: str
) -> None:
    """A size for slices, a spacing for patches; thick slices are told, for no plane is made between them."""
    job = job_of(toy_registry, data__size="8x16x16" if spacing else "16", **values)
    layout = volume_layout(job)
    assert (layout.size, layout.spacing) == (size, spacing)
    assert job.progress.lines == [said]


def test_a_spacing_is_the_median_of_all_that_are_read(toy_registry: Registry, monkeypatch) -> None:
    """Of five cases at 1, 2, 1, 2 and 1 mm; where one has none, each keeps its own resolution and that is told."""
    job = job_of(toy_registry, data__mode="patches", data__cases=5)
    assert training_spacing(job) == (1.0, 0.5, 0.5)
    assert (job.progress.began, sum(job.progress.steps)) == ([("spacing", 5)], 5)
    read = type(job.plan.reader).read
    lost = job.plan.cases["train"][3].id

    def without(self, case):
        sample = read(self, case)
        return SimpleNamespace(spacing=None) if case.id == lost else sample

    monkeypatch.setattr(type(job.plan.reader), "read", without)
    assert training_spacing(job) is None


def test_splits_that_training_sees_are_stored(toy_registry: Registry) -> None:
    """Train and val, not test; without a validation split train alone."""
    for values, splits in (({}, ["train", "val"]), ({"data__val": False}, ["train"])):
        job = job_of(toy_registry, components__data="squares", components__arch="net", **values)
        stores = open_stores(job)
        assert list(stores) == splits
        assert [len(store) for store in stores.values()] == [6, 3][: len(splits)]
        assert [name for name, _ in job.progress.began] == [f"store {split}" for split in splits]
        assert not any(store.volumes for store in stores.values())


def test_masks_of_0_and_255_stop_before_training(toy_registry, tmp_path, monkeypatch):
    """255 means ignored: a dataset plugin whose foreground is all 255 would train on background alone."""
    from segkit_toy import Squares

    from segkit.data.case import Sample

    read = Squares.read

    def read_as_255(self, case):
        found = read(self, case)
        return Sample(found.image, None if found.mask is None else (found.mask > 0).astype("uint8") * 255)

    monkeypatch.setattr(Squares, "read", read_as_255)
    values = {"components.arch": "net", "components.data": "squares", "run.device": "cpu", "data.cases": 4}
    plan = make_plan([Layer("flag", values)], toy_registry, {})
    with pytest.raises(SegkitError, match=r"no training mask holds a class, and 255.*as in \(mask > 0\)"):
        run_job(plan, tmp_path / "run", Progress())
    assert not (tmp_path / "run").exists()

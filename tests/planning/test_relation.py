"""What data are to a model, and what is scored of them."""

from pathlib import Path

import pytest

from segkit.data.case import Case
from segkit.declarations import Task
from segkit.errors import UsageError
from segkit.planning.dataset import ChosenDataset
from segkit.planning.relation import NOTES, Relation, choose_scored, relation_to
from segkit.planning.trained import TrainedModel

HEADER = {"components": [{"kind": "data", "name": "segkit-toy:squares"}], "selected_on": "val"}
TASK = Task(1, ("a",))


def cases(**counts: int) -> dict[str, list[Case]]:
    """So many cases of every split."""
    return {split: [Case(f"{split}-{n}") for n in range(counts.get(split, 0))] for split in ("train", "val", "test")}


def relation(config: str | None, root: Path, given: str | None, *, own: bool = True, drawn: bool = False) -> Relation:
    """The relation of the data in `root` to a model that was trained where `config` says."""
    path = None
    if config is not None:
        path = Path("config.toml")
        path.write_text(f'[data]\nroot = "{config}"\n')
    model = TrainedModel(Path("m.safetensors"), {**HEADER, "generated_sample": False}, TASK, TASK, (8, 8), path)
    dataset = ChosenDataset("d:squares", None, None, None, given, "")
    from segkit.data.roots import Root

    return relation_to(model, Root(root, "", drawn), dataset, is_own=own)


def test_the_folder_tells_own_data_from_others(tmp_path: Path, monkeypatch) -> None:
    """The folder of the run's config is its own; another one, and one beside a checkpoint alone, may hold anything."""
    monkeypatch.chdir(tmp_path)
    here, there = tmp_path / "here", tmp_path / "there"
    assert relation(str(here), here, str(here)) is Relation.OWN
    assert relation(str(here), tmp_path / "x" / ".." / "here", str(here)) is Relation.OWN
    assert relation(str(here), there, str(there)) is Relation.ELSEWHERE
    assert relation(None, here, None) is Relation.OWN
    assert relation(None, here, str(here)) is Relation.ELSEWHERE
    assert relation("none", here, str(here)) is Relation.ELSEWHERE
    assert relation(str(here), here, None, own=False) is Relation.OTHER
    assert relation(str(here), here, None, drawn=True) is Relation.DRAWN


@pytest.mark.parametrize("relation", [one for one in Relation if one is not Relation.OWN])
def test_data_that_were_not_trained_on_are_scored_whole(relation: Relation) -> None:
    """All cases unless a split is asked for, and whatever it is called, it is not said to be trained on."""
    scored = choose_scored("auto", cases(train=3, val=1), relation, HEADER)
    assert (scored.name, scored.trained_on or False, scored.selected_on or False) == ("all", False, False)
    scored = choose_scored("train", cases(train=3, val=1), relation, HEADER)
    assert scored.name == "train"
    assert scored.trained_on is (None if relation is Relation.ELSEWHERE else False)
    assert scored.note == NOTES[relation].format(dataset="segkit-toy:squares")


@pytest.mark.parametrize(
    ("wanted", "selected_on", "facts", "said"),
    [
        ("auto", "val", ("test", False, False), "neither trained nor selected on these cases"),
        ("val", "val", ("val", False, True), "SELECTED ON THIS SPLIT"),
        ("val", None, ("val", False, False), "the last epoch's weights"),
        ("train", "val", ("train", True, False), "the model was trained on these cases"),
    ],
)
def test_own_data_are_scored_as_a_run_does(wanted: str, selected_on: str | None, facts: tuple, said: str) -> None:
    """The header's field says whether the epoch was chosen by these cases; the note says the same to people."""
    scored = choose_scored(wanted, cases(train=2, val=1, test=1), Relation.OWN, HEADER | {"selected_on": selected_on})
    assert (scored.name, scored.trained_on, scored.selected_on) == facts
    assert scored.note.startswith(said)


def test_all_of_one_s_own_data_is_refused() -> None:
    """It would mix cases that were learnt with others."""
    with pytest.raises(UsageError, match="would score training cases"):
        choose_scored("all", cases(train=2, test=1), Relation.OWN, HEADER)


def test_rewording_notes_changes_no_fact(monkeypatch) -> None:
    """Facts are fields: with every note replaced, and whatever the header says of its weights, they are the same."""
    for note in NOTES:
        monkeypatch.setitem(NOTES, note, "SELECTED ON THIS SPLIT, the official test split")
    for weights in ("last epoch", "epoch 3, best val/dice@store", "whatever"):
        scored = choose_scored("auto", cases(train=1, test=1), Relation.OTHER, HEADER | {"weights": weights})
        assert (scored.name, scored.trained_on, scored.selected_on) == ("all", False, False)
        scored = choose_scored("val", cases(val=1), Relation.OWN, HEADER | {"weights": weights, "selected_on": None})
        assert scored.selected_on is False

"""Settings in environment variables."""

from dataclasses import dataclass

from segkit.config import ChosenParams, Kind, resolve
from segkit.params import param
from segkit.planning.environment import read_environment


@dataclass(frozen=True)
class Smooth:
    smooth: float = param(0.0, "Smoothing.", min=0)
    both_empty: str = param("nan", "Convention.")


CHOSEN = [ChosenParams("loss", "generalized-dice", Smooth), ChosenParams("metric", "iou", Smooth)]


def said(environ: dict[str, str], sections: tuple[str, ...] | None = None) -> dict[str, str]:
    """What variables say, by dotted name."""
    layers = read_environment(environ, CHOSEN, sections) if sections else read_environment(environ, CHOSEN)
    assert all(layer.kind is Kind.ENVIRONMENT for layer in layers)
    assert [layer.source for layer in layers if layer.source not in environ] == []
    return {name: value for layer in layers for name, value in layer.values.items()}


def test_a_variable_names_section_and_field() -> None:
    """SEGKIT_TRAIN_EPOCHS sets train.epochs; variables without a section of ours are not ours."""
    found = said({"SEGKIT_TRAIN_EPOCHS": "3", "SEGKIT_CACHE": "x", "SEGKIT_DATA": "d", "PATH": "y"})
    assert found == {"train.epochs": "3"}


def test_a_variable_names_a_component_with_hyphens_and_its_param() -> None:
    """Hyphens are underscores there; a param with an underscore is told from a component's name by what was chosen."""
    found = said({"SEGKIT_LOSS_GENERALIZED_DICE_SMOOTH": "1", "SEGKIT_METRIC_IOU_BOTH_EMPTY": "0"})
    assert found == {"loss.generalized-dice.smooth": "1", "metric.iou.both_empty": "0"}


def test_a_param_of_all_components_of_a_kind() -> None:
    """SEGKIT_METRIC_BOTH_EMPTY is metric.both_empty, and one component's own variable goes before it."""
    environ = {"SEGKIT_METRIC_IOU_SMOOTH": "2", "SEGKIT_METRIC_SMOOTH": "1"}
    config = resolve(read_environment(environ, CHOSEN), CHOSEN)
    assert config.params_of("metric", "iou").smooth == 2
    assert config.sources["metric.iou.smooth"] == "SEGKIT_METRIC_IOU_SMOOTH"


def test_sections_that_are_not_asked_for_are_left_alone() -> None:
    """A command that scores reads no setting of training."""
    assert said({"SEGKIT_TRAIN_EPOCHS": "3", "SEGKIT_EVALUATE_SPLIT": "val"}, ("evaluate",)) == {
        "evaluate.split": "val"
    }


def test_a_variable_that_is_no_setting_is_told_and_stops_nothing() -> None:
    """SEGKIT_RUN_ID of a job script, a loss that was not chosen, a typo with what may have been meant."""
    told: list[str] = []
    environ = {"SEGKIT_RUN_ID": "7", "SEGKIT_LOSS_DICE_SMOOTH": "1", "SEGKIT_TRAIN_EPOCS": "3", "SEGKIT_CACHE": "x"}
    assert read_environment(environ, CHOSEN, tell=told.append) == []
    assert [text.split()[0] for text in told] == ["SEGKIT_LOSS_DICE_SMOOTH", "SEGKIT_RUN_ID", "SEGKIT_TRAIN_EPOCS"]
    assert all("is no setting here and was left out" in text for text in told)
    assert "did you mean 'EPOCHS'" in told[2]

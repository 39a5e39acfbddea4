"""Parts of training and scoring that settings name."""

from __future__ import annotations

import pytest

from segkit.config import Layer, read_file
from segkit.discovery import Registry
from segkit.errors import UsageError
from segkit.planning.plan import Plan, make_plan

TOY = {"components.arch": "net", "components.data": "squares", "run.device": "cpu"}


def plan(registry: Registry, **values: object) -> Plan:
    """Plan the toy job with settings written as section__field=value."""
    return make_plan(
        [Layer("flag", TOY | {name.replace("__", "."): one for name, one in values.items()})], registry, {}
    )


def test_parts_are_found_and_written_in_full(parts_registry: Registry) -> None:
    """A plugin's part is in the plan, its config has the full name and the part's params."""
    found = plan(parts_registry, train__optimizer="heavy", optimizer__momentum=0.5, train__schedule="falling")
    assert [item.full_name for item in found.parts] == ["segkit-toy-parts:heavy", "segkit-toy-parts:falling"]
    assert found.config.train.optimizer == "segkit-toy-parts:heavy"
    assert found.config.params_of("optimizer", "heavy").momentum == 0.5
    assert found.chosen[-2:] == list(found.parts)


def test_a_written_config_repeats_the_parts(parts_registry: Registry, tmp_path) -> None:
    """What a run wrote down names them again, with their params."""
    (tmp_path / "config.toml").write_text(
        plan(parts_registry, train__optimizer="heavy", optimizer__heavy__momentum=0.25).config.to_toml()
    )
    again = make_plan([read_file(tmp_path / "config.toml")], parts_registry, {})
    assert again.config.params_of("optimizer", "heavy").momentum == 0.25


def test_params_of_a_replaced_part_go_with_it(parts_registry: Registry, tmp_path) -> None:
    """Another optimizer by a flag drops the params that a file has of the one before."""
    (tmp_path / "config.toml").write_text(plan(parts_registry, train__optimizer="heavy").config.to_toml())
    again = make_plan(
        [read_file(tmp_path / "config.toml"), Layer("flag", {"train.optimizer": "adam"})], parts_registry, {}
    )
    assert again.parts == ()
    assert "optimizer.heavy.momentum" not in again.config.flat()


def test_the_core_s_own_need_no_plugin(toy_registry: Registry) -> None:
    """adamw, cosine and the core's normalisations are no components."""
    assert plan(toy_registry, train__optimizer="adam", data__normalization="image").parts == ()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"train__optimizer": "adamm"},
            r"no optimizer named 'adamm' \(did you mean 'adam'\?\); there are: adam, adamw",
        ),
        ({"train__schedule": "fallin"}, r"did you mean 'falling'"),
        ({"data__normalization": "zscore"}, "train|there are: unit, image, dataset, fixed, ct, body"),
        ({"augment__further": "blur,blur"}, "augmentation 'blur' is named twice"),
        ({"augment__further": "deep"}, "augmentation deep is for 3D, the network is shown 2D"),
        ({"data__sampler": "rare"}, "data.sampler: no sampler named 'rare'"),
        ({"optimizer__momentum": 0.5}, "optimizer has no 'momentum'"),
        ({"train__optimizer": "heavy", "optimizer__momentum": 2}, "momentum=2 is out of range"),
        (
            {"train__optimizer": "heavy", "optimizer__momentum": 0, "optimizer__nesterov": True},
            "^optimizer heavy: nesterov needs a momentum$",
        ),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(parts_registry: Registry, values: dict[str, object], said: str) -> None:
    """Unknown names list the core's own beside those of plugins; a params class's own ValueError is the sentence."""
    with pytest.raises(UsageError, match=said):
        plan(parts_registry, **values)


def test_the_core_s_names_cannot_be_taken() -> None:
    """A plugin that declares an optimizer adamw is refused."""
    from segkit import Optimizer

    with pytest.raises(ValueError, match="optimizer 'adamw' is the core's"):
        Optimizer(name="adamw", factory="a:b", summary="Mine.")

"""Declarations refuse what nobody could use, and strings are resolved only when asked."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields, replace

import pytest

from segkit import Architecture, Dataset, Explainer, Loss, Metric, SegkitError, Task, param
from segkit.declarations import CORE_DATA_FIELDS, KINDS, resolve
from segkit.settings import Data


def make(kind, **fields):
    """Declare a component of a kind, sound but for `fields`."""
    sound = {"name": "sound", "factory": "package.module:build", "summary": "A sound component."}
    if kind is Metric:
        sound["measure"] = "package.module:measure"
    return kind(**{**sound, **fields})


@pytest.mark.parametrize("kind", [Architecture, Dataset, Loss, Metric, Explainer])
def test_declaring_imports_nothing(kind):
    """A declaration may name a module that does not exist: it is resolved when it is used."""
    assert KINDS[kind.kind] is kind
    assert make(kind).factory == "package.module:build"


@pytest.mark.parametrize("name", ["unet", "u-net-2", "3d"])
def test_names_are_lower_case_words_with_hyphens(name):
    """Names of digits, small letters and single hyphens are taken."""
    assert make(Loss, name=name, aliases=(name + "-x",)).name == name


@pytest.mark.parametrize(
    "name", ["", "UNet", "u_net", "u/net", "-unet", "unet-", "u--net", "unet\n", "ünet", "a:b", None]
)
def test_other_names_are_refused(name):
    """Anything else is refused as a name and as an alias."""
    with pytest.raises(ValueError, match="is not a component name"):
        make(Loss, name=name)
    with pytest.raises(ValueError, match="is not a component name"):
        make(Loss, aliases=(name,))


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        (Loss, {"summary": ""}, "summary must be one line"),
        (Loss, {"summary": "two\nlines"}, "summary must be one line"),
        (Loss, {"summary": "a\ttab"}, "summary must be one line"),
        (Loss, {"factory": "package.module"}, "factory must be 'package.module:name'"),
        (Loss, {"factory": "package/module:build"}, "factory must be 'package.module:name'"),
        (Loss, {"factory": len}, "factory must be 'package.module:name'"),
        (Loss, {"scope": "epoch"}, "scope must be 'sample' or 'batch'"),
        (Loss, {"aliases": "other"}, "aliases must be a tuple"),
        (Loss, {"params": dict}, "params must be a dataclass"),
        (Metric, {"measure": ""}, "measure must be 'package.module:name'"),
        (Metric, {"range": (1.0, 0.0)}, "range must be"),
        (Architecture, {"spatial_dims": ()}, "spatial_dims must be"),
        (Architecture, {"spatial_dims": 2}, "spatial_dims must be"),
        (Architecture, {"spatial_dims": (4,)}, "spatial_dims must be"),
        (Architecture, {"defaults": {3: {}}}, "defaults must be keyed by spatial dims"),
        (Dataset, {"modes": {}}, "modes must give 2 or 3"),
        (Dataset, {"modes": {"slices": 4}}, "modes must give 2 or 3"),
    ],
)
def test_unusable_fields_are_refused(kind, fields, message):
    """A field that would fail later is refused where the plugin declares it, with the component's name."""
    with pytest.raises((TypeError, ValueError), match=message) as raised:
        make(kind, **fields)
    assert "sound" in str(raised.value)


def test_out_channels():
    """One foreground class is one logit; several have one each and one for background."""
    assert Task(3, ("lesion",)).out_channels == 1
    assert Task(1, ("liver", "spleen"), 3).out_channels == 3


@pytest.mark.parametrize("fields", [(0, ("a",), 2), (1, (), 2), (1, ["a"], 2), (1, ("a",), 4)])
def test_impossible_tasks_are_refused(fields):
    """A task without channels or classes, or in four dimensions, cannot be made."""
    with pytest.raises((TypeError, ValueError)):
        Task(*fields)


@dataclass(frozen=True)
class ShadowedParams:
    """A param that the core's own setting would hide."""

    size: int = param(3, "Of something else.")


def test_a_dataset_may_not_name_a_param_like_a_setting_of_the_core():
    """`data.size` is the working size: a param of that name could never be set. The list is that of the settings."""
    with pytest.raises(ValueError, match="size is a setting of the core"):
        make(Dataset, params=ShadowedParams)
    assert make(Loss, params=ShadowedParams).params is ShadowedParams
    assert {field.name for field in fields(Data)} == CORE_DATA_FIELDS


def test_params_given_by_their_place_are_imported_when_somebody_asks(tmp_path, monkeypatch):
    """A declaration with "module:Name" imports nothing until its params are read, and then holds the dataclass."""
    (tmp_path / "late_params.py").write_text(
        "from dataclasses import dataclass\nfrom segkit import param\n"
        "@dataclass(frozen=True)\nclass Late:\n    size: int = param(3, 'A size.')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    declared = make(Loss, params="late_params:Late")
    assert "late_params" not in sys.modules
    assert declared.params().size == 3
    assert declared.params is sys.modules["late_params"].Late
    assert replace(declared, name="other").params is declared.params


@pytest.mark.parametrize(
    ("kind", "more", "place", "reason"),
    [
        (Loss, {}, "collections:OrderedDict", "params must be a dataclass"),
        (Loss, {}, "no_such_module:Params", "ModuleNotFoundError"),
        (Dataset, {}, f"{__name__}:ShadowedParams", "size is a setting of the core"),
        (Architecture, {"small": {"width": 4}}, f"{__name__}:ShadowedParams", "small names no param: width"),
    ],
)
def test_wrong_params_given_by_their_place_are_told_when_somebody_asks(kind, more, place, reason):
    """What a dataclass given at once is refused for is an error that names the component, not an internal one."""
    with pytest.raises(SegkitError, match=reason) as raised:
        _ = make(kind, params=place, **more).params
    assert "sound" in str(raised.value)


def test_params_are_a_class_or_the_place_of_one():
    """A text that names no place is refused when declared."""
    with pytest.raises(ValueError, match=r"params must be 'package\.module:name'"):
        make(Loss, params="Params")


@pytest.mark.parametrize("modes", [{"slices": 3}, {"slab": 3}, {"patches": 2}])
def test_modes_of_volumes_have_dims_of_their_own(modes):
    """Slices and slabs are 2D, patches 3D; other names may mean what a plugin likes."""
    with pytest.raises(ValueError, match="spatial dims"):
        make(Dataset, modes=modes)
    assert make(Dataset, modes={"whole": 3, "montage": 2}).modes


def test_resolve_follows_attributes():
    """A string may lead to a class's method."""
    assert resolve("collections:OrderedDict.fromkeys", "plugin p, loss l")("a") == {"a": None}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("no_such_module:build", "ModuleNotFoundError"),
        ("collections:no_such_name", "AttributeError"),
        ("string:digits", "is not callable"),
    ],
)
def test_resolve_names_owner_and_string(path, reason):
    """A string that leads nowhere is an error with the plugin, the component, the string and the reason."""
    with pytest.raises(SegkitError) as raised:
        resolve(path, "plugin p, loss l")
    assert "plugin p, loss l" in str(raised.value)
    assert path in str(raised.value)
    assert reason in str(raised.value)


def test_resolve_survives_a_module_that_exits(tmp_path, monkeypatch):
    """A module that leaves the interpreter when a component is built is an error like others."""
    (tmp_path / "leaving_module.py").write_text("raise SystemExit('no\\nlicence')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(SegkitError, match="SystemExit: no licence"):
        resolve("leaving_module:build", "plugin p, loss l")


@pytest.mark.parametrize("modules", ["down", (), ["down"]])
def test_parts_are_tuples_of_modules(modules):
    """A name alone, and none, are the author's slip."""
    with pytest.raises(TypeError, match=r"parts\['encoder'\] must be a tuple of module names"):
        Architecture(name="one", factory="m:f", summary="One.", parts={"encoder": modules})

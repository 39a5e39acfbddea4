"""First weights: timm's, a file's, frozen ones, and the normalisation that comes with them."""

import copy
import os
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from segkit import SegkitError, Task, UsageError
from segkit.data.pretrained import place_of
from segkit_pspnet.backbone import full_model
from segkit_pspnet.params import PSPNetParams
from segkit_pspnet.published import published
from segkit_pspnet.settings import normalization


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))


def test_a_frozen_backbone_stays_as_it_is(tmp_path: Path, small, image):
    """It gets no gradient, and its statistics do not move in train mode; the heads are trained."""
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "weights.safetensors")
    model = small(weights=tmp_path / "weights.safetensors", freeze_backbone=True).train()
    before = copy.deepcopy(model.backbone.state_dict())
    sum(logits.square().sum() for logits in model(image(2, 3, 32, 32)).logits).backward()
    assert all(torch.equal(value, before[name]) for name, value in model.backbone.state_dict().items())
    assert all(parameter.grad is None for parameter in model.backbone.parameters())
    assert all(parameter.grad is not None for parameter in model.head.parameters())
    assert model.head.training
    assert not any(module.training for module in model.backbone.modules())


def test_freezing_random_weights_is_refused(small):
    """Without weights to keep, freezing is a mistake."""
    with pytest.raises(
        UsageError, match=r"would keep random weights; set arch.pretrained=true or arch.pretrained=FILE"
    ):
        small(freeze_backbone=True)


def test_weights_of_a_file_are_loaded(tmp_path: Path, small, shuffle_norms):
    """Every tensor of the backbone is the file's; the classifier of the file is left out."""
    torch.manual_seed(3)
    saved = shuffle_norms(timm.create_model("test_resnet")).state_dict()
    save_file(saved, tmp_path / "weights.safetensors")
    state = small(weights=tmp_path / "weights.safetensors").backbone.state_dict()
    assert state
    assert all(torch.equal(value, saved[name]) for name, value in state.items())


def test_the_first_layer_is_fitted_to_one_channel(tmp_path: Path, small, image):
    """On a grey image the backbone for one channel gives what the one for three gives on its three copies."""
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "weights.safetensors")
    grey, colour = (small(channels=channels, weights=tmp_path / "weights.safetensors").backbone for channels in (1, 3))
    x = image(1, 1, 32, 32)
    for one, three in zip(grey(x), colour(x.expand(-1, 3, -1, -1)), strict=True):
        torch.testing.assert_close(one, three, rtol=1e-4, atol=1e-5)


def test_weights_that_do_not_fit_list_the_first_differing_keys(tmp_path: Path, small):
    """The file is of another network: how many tensors differ, and how the first ones do."""
    save_file({"conv1.weight": torch.zeros(2, 3), "extra": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(SegkitError) as raised:
        small(backbone="resnet18", weights=tmp_path / "other.safetensors")
    tensors = len(full_model("resnet18").state_dict()) + 1
    assert raised.value.message == (
        f"arch.weights=other.safetensors does not fit resnet18: {tensors} tensors differ: "
        "conv1.weight is (2, 3), expected (64, 3, 7, 7); bn1.weight is missing, expected (64,); "
        "bn1.bias is missing, expected (64,)"
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("weights.pth", b"", r"weights.pth is not named .safetensors; segkit unpickles nothing"),
        ("weights.safetensors", b"half", r"is not a whole safetensors file"),
        ("gone.safetensors", None, r"gone.safetensors: no such file"),
    ],
)
def test_a_file_that_is_not_safetensors_is_a_sentence(tmp_path: Path, name, content, message, small):
    """Nothing is unpickled, and what is damaged or missing is named."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SegkitError, match=message):
        small(weights=tmp_path / name)


def test_pretrained_weights_come_through_timms_loading(monkeypatch: pytest.MonkeyPatch, small, shuffle_norms):
    """`pretrained` takes what timm's hub access gives."""
    torch.manual_seed(3)
    saved = shuffle_norms(timm.create_model("test_resnet")).state_dict()
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", lambda *_, **__: dict(saved))
    state = small(pretrained=True).backbone.state_dict()
    assert all(torch.equal(value, saved[name]) for name, value in state.items())


def test_offline_says_which_weights_and_where_to_put_them(monkeypatch: pytest.MonkeyPatch, small):
    """Where the hub cannot be reached, the sentence names the weights, where they are and the param."""

    def unreachable(*_, **__):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", unreachable)
    with pytest.raises(SegkitError) as raised:
        small(pretrained=True)
    hub = timm.models.get_pretrained_cfg("test_resnet").hf_hub_id
    assert raised.value.message == (
        f"the weights {hub} of test_resnet are not in the cache and could not be downloaded (ConnectionError: no route)"
    )
    assert f"https://huggingface.co/{hub}/resolve/main/model.safetensors" in raised.value.hint
    assert str(Path(os.environ["SEGKIT_CACHE"], "weights", hub)) in raised.value.hint
    assert raised.value.hint.endswith("--set arch.pretrained=FILE")


def test_a_file_is_given_in_one_word_and_a_brought_one_is_found(monkeypatch: pytest.MonkeyPatch, small):
    """`pretrained=FILE` is what `weights=FILE` was; put into the cache, timm's file is what `pretrained=true` takes."""
    torch.manual_seed(4)
    saved = timm.create_model("test_resnet").state_dict()
    weights = published(PSPNetParams(backbone="test_resnet"))
    place = place_of(weights)
    place.parent.mkdir(parents=True)
    save_file(saved, place)
    for chosen in (True, place):
        state = small(pretrained=chosen).backbone.state_dict()
        assert all(torch.equal(value, saved[name]) for name, value in state.items())
    assert weights.licence == "apache-2.0"
    place.write_bytes(place.read_bytes()[:-4])
    with pytest.raises(SegkitError, match=r"arch.pretrained=model.safetensors is not a whole safetensors file"):
        small(pretrained=True)


@pytest.mark.parametrize("backbone", ["resnet05", "resnet18.best"])
def test_an_unknown_backbone_has_no_weights(backbone):
    """It is for its own error."""
    assert published(PSPNetParams(backbone=backbone)) is None


def test_a_backbone_without_published_weights_is_named(small):
    """Nothing starts from random weights where pretrained ones were asked for."""
    published = {name.split(".")[0] for name in timm.list_pretrained()}
    name = next(name for name in timm.list_models("resnet*") if name not in published)
    with pytest.raises(UsageError, match=f"timm has no pretrained weights for {name}"):
        small(backbone=name, pretrained=True)


@pytest.mark.parametrize(("channels", "mean"), [(3, [0.485, 0.456, 0.406]), (1, [0.449])])
@pytest.mark.parametrize(
    "start", [{"pretrained": True}, {"weights": Path("r.safetensors")}, {"pretrained": Path("r.safetensors")}]
)
def test_normalisation_is_that_of_the_weights(channels, mean, start):
    """ImageNet's published figures for colours, their mean for grey images."""
    found = normalization(Task(channels, ("a",)), PSPNetParams(backbone="resnet18", **start))
    assert found["data.normalization"] == "fixed"
    assert found["data.mean"] == pytest.approx(mean)
    assert len(found["data.std"]) == channels


@pytest.mark.parametrize(
    ("channels", "params"),
    [
        (3, {"backbone": "resnet18"}),
        (4, {"backbone": "resnet18", "pretrained": True}),
        (3, {"backbone": "resnet18.best", "pretrained": True}),
        (3, {"backbone": "resnet05", "pretrained": True}),
    ],
)
def test_nothing_is_said_where_there_is_nothing_to_say(channels, params):
    """Random weights expect nothing, other channels are no colours, and an unknown backbone is for its own error."""
    assert normalization(Task(channels, ("a",)), PSPNetParams(**params)) == {}

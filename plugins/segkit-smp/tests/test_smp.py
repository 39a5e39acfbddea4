"""What is added around the library's networks: sizes, batches of one, weights, messages."""

import pytest
import segmentation_models_pytorch as smp
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from segkit import SegkitError, Task, UsageError, components
from segkit.data.pretrained import place_of
from segkit_smp import model
from segkit_smp.params import DptParams, ShallowParams, SmpParams
from segkit_smp.published import published
from segkit_smp.settings import normalization

NAMES = sorted(smp.MODEL_ARCHITECTURES_MAPPING)


def small(name="unet", channels=3, classes=("a",), **params):
    """One of the networks on timm's smallest backbone, in eval mode, the same each time."""
    torch.manual_seed(0)
    kind, encoder = {"dpt": (DptParams, "tu-test_vit"), "pspnet": (ShallowParams, "tu-test_resnet")}.get(
        name, (SmpParams, "tu-test_resnet")
    )
    build = getattr(model, f"build_{name}")
    return build(Task(channels, classes), kind(**{"encoder": encoder, **params})).eval()


def image(*shape):
    """A reproducible random tensor."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_the_librarys(name):
    """On sizes that it takes, the network gives what the library's own forward pass gives."""
    bridged = small(name, classes=("a", "b"))
    x = image(1, 3, bridged.size_minimum, bridged.size_minimum + bridged.size_multiple)
    with torch.no_grad():
        assert torch.equal(bridged(x), bridged.network(x))


@pytest.mark.parametrize("name", ["fpn", "pspnet", "dpt"])
def test_other_sizes_are_padded_and_cropped(name):
    """An odd image gives what the same image, padded by hand with its last row and column, gives within its frame."""
    bridged = small(name, channels=1)
    least, multiple = bridged.size_minimum, bridged.size_multiple
    x = image(1, 1, least + 1, least + multiple - 3)
    padded = functional.pad(x, (0, 3, 0, multiple - 1), mode="replicate")
    with torch.no_grad():
        assert torch.equal(bridged(x), bridged.network(padded)[:, :, : least + 1, : least + multiple - 3])


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one_trains_at_the_minimum(name):
    """The smallest image alone in its batch, where the library's global pooling raises an error; smaller is refused."""
    bridged = small(name).train()
    least = bridged.size_minimum
    bridged(image(1, 3, least, least)).square().mean().backward()
    assert all(grad is None or grad.isfinite().all() for grad in (weight.grad for weight in bridged.parameters()))
    with pytest.raises(SegkitError, match=rf"too small; give at least {least} along each side"):
        bridged(image(1, 3, least, least - 1))


@pytest.mark.parametrize("depth", [3, 4, 5])
def test_depths(depth):
    """Each stage less halves the multiple."""
    bridged = small(depth=depth)
    assert bridged.size_multiple == 2**depth
    assert bridged(image(1, 3, 70, 75)).shape == (1, 1, 70, 75)


def test_weights_of_a_file_and_other_channels(tmp_path):
    """The encoder's weights are the file's; the library's fit to one channel sees a grey image as three copies do."""
    torch.manual_seed(3)
    encoder = smp.encoders.get_encoder("mobilenet_v2", weights=None)
    save_file(encoder.state_dict(), tmp_path / "encoder.safetensors")
    grey, colour = (
        small(channels=channels, encoder="mobilenet_v2", weights=tmp_path / "encoder.safetensors").network.encoder
        for channels in (1, 3)
    )
    state = colour.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in encoder.state_dict().items())
    x = image(1, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(grey(x)[-1], colour(x.expand(-1, 3, -1, -1))[-1], rtol=1e-4, atol=1e-4)


def test_a_file_that_does_not_fit_lists_the_first_keys(tmp_path):
    """How many tensors differ, and which first; what is no safetensors file is not opened."""
    save_file({"conv1.weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(
        SegkitError, match=r"other.safetensors does not fit resnet18: \d+ tensors differ: conv1.weight is"
    ):
        small(encoder="resnet18", weights=tmp_path / "other.safetensors")
    with pytest.raises(SegkitError, match="unpickles nothing"):
        small(encoder="resnet18", weights=tmp_path / "other.pth")
    with pytest.raises(SegkitError, match="no such file"):
        small(encoder="resnet18", weights=tmp_path / "gone.safetensors")


@pytest.mark.parametrize(
    ("name", "encoder", "message"),
    [
        ("unet", "resnet19", "knows no such encoder; give one such as resnet34"),
        ("unet", "tu-resnet19", "does not build smp-unet: .*resnet19"),
        ("dpt", "resnet34", "does not build smp-dpt: .*; give a vision transformer"),
        ("pan", "tu-test_vit", "does not build smp-pan"),
    ],
)
def test_encoders_that_cannot_be_used_are_named(name, encoder, message):
    """The library's own reason in one line, and one that works."""
    with pytest.raises(UsageError, match=message):
        small(name, encoder=encoder)


def test_offline_says_how_to_pass_a_file(monkeypatch):
    """Where the hub cannot be reached, the sentence names the encoder and the param."""

    def unreachable(*_, **__):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr("segmentation_models_pytorch.encoders.hf_hub_download", unreachable)
    with pytest.raises(
        SegkitError, match=r"arch.encoder=resnet18 are not to be had \(ConnectionError: no route\).*FILE$"
    ):
        small(encoder="resnet18", pretrained=True)


def test_normalisation_is_that_of_timms_weights(tmp_path):
    """It is stated for timm's encoders; of random weights and of other channels nothing is said."""
    found = normalization(Task(3, ("a",)), SmpParams(encoder="tu-resnet18", weights=tmp_path / "file.safetensors"))
    assert found["data.mean"] == pytest.approx([0.485, 0.456, 0.406])
    assert normalization(Task(3, ("a",)), SmpParams()) == {}
    assert normalization(Task(1, ("a",)), SmpParams(encoder="tu-resnet18", pretrained=True)) == {}
    own = tmp_path / "file.safetensors"
    assert normalization(Task(3, ("a",)), SmpParams(encoder="tu-resnet18", pretrained=own)) == found
    assert normalization(Task(3, ("a",)), SmpParams(pretrained=own)) == {}


@pytest.mark.parametrize("encoder", ["mobilenet_v2", "tu-test_resnet"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_one_word_takes_a_file_and_what_was_brought(tmp_path, monkeypatch, encoder, channels):
    """`pretrained=FILE`, and `pretrained=true` with the publisher's file in the cache, without a connection."""
    import timm

    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path))
    torch.manual_seed(3)
    timms = encoder.startswith("tu-")
    whole = timm.create_model("test_resnet") if timms else smp.encoders.get_encoder(encoder, weights=None)
    place = place_of(published(SmpParams(encoder=encoder)))
    place.parent.mkdir(parents=True)
    save_file(whole.state_dict(), place)
    (place.parent / "config.json").write_text('{"mean": [0.1, 0.2, 0.3], "std": [1, 2, 3], "input_space": "RGB"}')
    own = whole.state_dict()
    for chosen in (True, place):
        state = small(encoder=encoder, channels=channels, pretrained=chosen).network.encoder.state_dict()
        same = [torch.equal(value, own[key.removeprefix("model." if timms else "")]) for key, value in state.items()
                if value.shape == own[key.removeprefix("model." if timms else "")].shape]  # fmt: skip
        assert all(same)
        assert len(state) - len(same) == (channels != 3)
    if not timms:
        expected = {"data.normalization": "fixed", "data.mean": [0.1, 0.2, 0.3], "data.std": [1, 2, 3]}
        assert normalization(Task(3, ("a",)), SmpParams(encoder=encoder, pretrained=True)) == expected


def test_timms_file_sees_a_grey_image_as_three_copies(tmp_path):
    """The first layer is fitted as timm fits it."""
    import timm

    torch.manual_seed(3)
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "model.safetensors")
    grey, colour = (
        small(encoder="tu-test_resnet", channels=channels, pretrained=tmp_path / "model.safetensors").network.encoder
        for channels in (1, 3)
    )
    x = image(1, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(grey(x)[-1], colour(x.expand(-1, 3, -1, -1))[-1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("encoder", ["resnet19", "tu-resnet19", "tu-resnet18.best"])
def test_an_unknown_encoder_has_no_weights(encoder):
    """It is for its own error."""
    assert published(SmpParams(encoder=encoder)) is None


def test_one_value_per_channel_takes_the_running_statistics():
    """Exchanged batch normalisations keep weights and behave alike, but for a single value."""
    plain = nn.Sequential(nn.BatchNorm2d(3, momentum=0.3))
    nn.init.uniform_(plain[0].weight)
    network = nn.Sequential(nn.BatchNorm2d(3, momentum=0.3))
    network.load_state_dict(plain.state_dict())
    model.use_running_statistics_of_one(network)
    x = image(2, 3, 2, 2)
    torch.testing.assert_close(network.train()(x), plain.train()(x))
    torch.testing.assert_close(network(x[:1, :, :1, :1]), plain.eval()(x[:1, :, :1, :1]))


def test_declared_names():
    """They are found as smp-NAME."""
    found = {item.component.name for item in components("arch") if item.plugin.name == "segkit-smp"}
    assert found == {f"smp-{name}" for name in NAMES}


def test_timms_own_file_is_taken_as_it_is_downloaded(tmp_path):
    """A timm model's state dict, its classifier included, gives the encoder's weights without a name changed."""
    import timm

    torch.manual_seed(3)
    whole = timm.create_model("test_resnet", pretrained=False)
    save_file(whole.state_dict(), tmp_path / "model.safetensors")
    encoder = small(encoder="tu-test_resnet", weights=tmp_path / "model.safetensors").network.encoder
    own = whole.state_dict()
    assert all(torch.equal(value, own[key.removeprefix("model.")]) for key, value in encoder.state_dict().items())


def test_a_file_of_another_timm_model_is_refused(tmp_path):
    """Names that differ are told."""
    import timm

    save_file(timm.create_model("test_vit", pretrained=False).state_dict(), tmp_path / "model.safetensors")
    with pytest.raises(SegkitError, match="tensors differ"):
        small(encoder="tu-test_resnet", weights=tmp_path / "model.safetensors")

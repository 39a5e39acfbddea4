"""PSPNet against a written-out head on torchvision's ResNet, an independent count, and the contract."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional
from torchvision.models import resnet50

from segkit import Outputs, SegkitError, Task, UsageError
from segkit_pspnet import PSPNetParams, segkit_architectures
from segkit_pspnet.backbone import DILATING, check_dilates, full_model
from segkit_pspnet.model import BatchNorm, PyramidPooling, build

DECLARATION = segkit_architectures()[0]


def small(classes=("a",), channels=3, **params):
    """A PSPNet on timm's smallest ResNet, in eval mode, the same each time."""
    torch.manual_seed(0)
    wanted = {"backbone": "test_resnet", "head_width": 8, **params}
    return build(Task(channels, classes), PSPNetParams(**wanted)).eval()


def image(*shape):
    """A reproducible random tensor."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def count(model):
    """Number of parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


def shuffle_norms(model):
    """Give every batch normalisation weights and statistics of its own; timm starts some of them at zero."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 1.5)
            for tensor in (module.bias.data, module.running_mean):
                tensor.uniform_(-0.2, 0.2)
    return model


def test_parameter_count_is_that_of_its_parts():
    """ResNet-50 without classifier, four 1x1 convolutions, the 3x3 ones of head and auxiliary head, two classifiers."""
    norm = 2
    pyramid = 4 * (2048 * 512 + norm * 512)
    head = 4096 * 512 * 9 + norm * 512 + 512 + 1
    auxiliary = 1024 * 256 * 9 + norm * 256 + 256 + 1
    with torch.device("meta"):
        backbone = count(resnet50()) - (2048 * 1000 + 1000)
        model = build(Task(3, ("a",)), PSPNetParams())
    assert backbone == 23_508_032
    assert count(model) == backbone + pyramid + head + auxiliary == 48_942_402


@pytest.mark.parametrize(
    ("output_stride", "strides", "dilations"),
    [
        (8, (1, 1), ([1, 2, 2, 2, 2, 2], [2, 4, 4])),
        (16, (2, 1), ([1, 1, 1, 1, 1, 1], [1, 2, 2])),
        (32, (2, 2), ([1, 1, 1, 1, 1, 1], [1, 1, 1])),
    ],
)
def test_strides_and_dilations_of_the_built_backbone(output_stride, strides, dilations):
    """What the README says of timm's dilated ResNet-50, read back from the modules."""
    with torch.device("meta"):
        model = build(Task(3, ("a",)), PSPNetParams(output_stride=output_stride))
    stages = [model.backbone.get_submodule(name) for name in ("layer3", "layer4")]
    assert tuple(stage[0].conv2.stride[0] for stage in stages) == strides
    assert tuple([block.conv2.dilation[0] for block in stage] for stage in stages) == dilations
    assert model.size_multiple == output_stride


def interpolation(before, after):
    """The matrix (after, before) of linear interpolation at cell centres, numpy's."""
    centres = (np.arange(after) + 0.5) * before / after - 0.5
    rows = [np.interp(centres, np.arange(before), unit) for unit in np.eye(before)]
    return torch.from_numpy(np.stack(rows, axis=1))


def resized(x, size):
    """Bilinear interpolation as two matrix products."""
    return interpolation(x.shape[2], size[0]) @ x @ interpolation(x.shape[3], size[1]).T


def normalised(weights, name, x):
    """Batch normalisation in eval mode, then ReLU, from the definition."""
    values = (weights[f"{name}.{key}"][:, None, None] for key in ("running_mean", "running_var", "weight", "bias"))
    mean, variance, weight, bias = values
    return ((x - mean) / (variance + 1e-5).sqrt() * weight + bias).clamp(min=0)


def averages(x, bins):
    """Means over bins x bins cells; cell i of n reaches from floor(i n / bins) to ceil((i + 1) n / bins)."""
    rows, columns = (
        [slice(cell * side // bins, -(-(cell + 1) * side // bins)) for cell in range(bins)] for side in x.shape[2:]
    )
    means = [torch.stack([x[:, :, row, column].mean(dim=(2, 3)) for column in columns], dim=-1) for row in rows]
    return torch.stack(means, dim=-2)


def papers_head(weights, name, x):
    """3x3 convolution, normalisation, ReLU, 1x1 convolution."""
    x = normalised(
        weights, f"{name}.convolution.1", functional.conv2d(x, weights[f"{name}.convolution.0.weight"], padding=1)
    )
    return functional.conv2d(x, weights[f"{name}.classify.weight"], weights[f"{name}.classify.bias"])


def papers_logits(weights, before, last, bins, size):
    """Main and auxiliary logits of the backbone's last two maps."""
    levels = [last]
    for position, cells in enumerate(bins):
        name = f"pooling.branches.{position}.1"
        pooled = torch.einsum("nihw,oi->nohw", averages(last, cells), weights[f"{name}.0.weight"][:, :, 0, 0])
        levels.append(resized(normalised(weights, f"{name}.1", pooled), last.shape[2:]))
    main = papers_head(weights, "head", torch.cat(levels, dim=1))
    return resized(main, size), resized(papers_head(weights, "aux", before), size)


def test_forward_equals_torchvisions_backbone_and_the_papers_head():
    """With the weights copied, a dilated ResNet-50 of another library and the head written out give the same logits."""
    torch.manual_seed(0)
    model = shuffle_norms(build(Task(3, ("a", "b")), PSPNetParams(head_width=16))).double().eval()
    other = resnet50(replace_stride_with_dilation=[False, True, True]).double().eval()
    state = {name.removeprefix("backbone."): value for name, value in model.state_dict().items()}
    missing = other.load_state_dict(state, strict=False).missing_keys
    assert missing == ["fc.weight", "fc.bias"]
    x = image(1, 3, 40, 57).double()
    with torch.inference_mode():
        maps = other.maxpool(other.relu(other.bn1(other.conv1(x))))
        before = other.layer3(other.layer2(other.layer1(maps)))
        expected = papers_logits(model.state_dict(), before, other.layer4(before), (1, 2, 3, 6), (40, 57))
        torch.testing.assert_close(model(x), expected[0], rtol=1e-8, atol=1e-8)
        model.aux.eval()
        model.training = True
        outputs = model(x)
    assert isinstance(outputs, Outputs)
    assert tuple(outputs.weights) == (1.0, 0.4)
    for found, wanted in zip(outputs.logits, expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-8, atol=1e-8)


def test_other_bins_and_no_auxiliary_head():
    """The pyramid has the levels asked for; without the auxiliary head train mode returns the logits alone."""
    model = small(bins=(1, 4, 5), aux_weight=0.0)
    channels = model.backbone.feature_info.channels()[-1]
    assert model.pooling.out_channels == channels + 3 * (channels // 3)
    assert not any(name.startswith("aux") for name in model.state_dict())
    assert isinstance(model.train()(image(2, 3, 32, 32)), torch.Tensor)


@pytest.mark.parametrize("name", DILATING)
@pytest.mark.parametrize("output_stride", [8, 16])
def test_offered_backbones_dilate(name, output_stride):
    """What is offered in place of a backbone that cannot dilate has maps of the stride asked for."""
    check_dilates(name, output_stride)


@pytest.mark.parametrize("name", ["test_vit", "vgg11"])
def test_a_backbone_that_cannot_dilate_is_refused_with_alternatives(name):
    """Whatever way timm refuses, the user reads that it cannot dilate and which near in size can."""
    with pytest.raises(
        UsageError, match=f"{name} cannot be dilated to output stride 8 .*near in size and able to: "
    ) as raised:
        small(backbone=name)
    sizes = {other: count(full_model(other)) for other in (name, *DILATING)}
    nearest = min(DILATING, key=lambda other: abs(sizes[other] - sizes[name]))
    assert raised.value.hint.startswith(f"near in size and able to: {nearest}, ")


def test_an_unknown_backbone_gets_near_names():
    """A slip of the finger is answered with names that exist."""
    with pytest.raises(UsageError, match=r"arch.backbone=resnet05: timm has no such model \(near: .*resnet"):
        small(backbone="resnet05")


def test_an_unknown_tag_is_named():
    """The model exists, weights of that tag do not."""
    with pytest.raises(UsageError, match=r"arch.backbone=resnet18.best: .*best.*; leave out what follows the dot"):
        small(backbone="resnet18.best")


@pytest.mark.parametrize("backbone", ["test_efficientnet", "mobilenetv3_small_050"])
def test_other_families_work(backbone):
    """Levels and channels are read from the backbone, not assumed."""
    model = small(backbone=backbone)
    assert model(image(1, 3, 40, 48)).shape == (1, 1, 40, 48)
    assert model.features(model.backbone(image(1, 3, 40, 48))[-1]).shape[2:] == (5, 6)


@pytest.mark.parametrize("size", [(16, 16), (17, 16), (97, 131)])
@pytest.mark.parametrize(("channels", "classes"), [(1, ("a",)), (4, ("a", "b"))])
def test_any_size_and_channels(size, channels, classes):
    """Every output has the image's size, also where the map has fewer cells than the largest bin."""
    model = small(classes=classes, channels=channels)
    expected = (2, model.head.classify.out_channels, *size)
    assert model(image(2, channels, *size)).shape == expected
    assert all(logits.shape == expected for logits in model.train()(image(2, channels, *size)).logits)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("output_stride", [8, 32])
def test_the_minimum_trains_and_one_below_is_a_sentence(batch, output_stride):
    """The smallest image trains every parameter, also alone in its batch; a smaller one is refused in words."""
    model = shuffle_norms(small(output_stride=output_stride)).train()
    least = model.size_minimum
    outputs = model(image(batch, 3, least, least))
    sum(logits.square().sum() for logits in outputs.logits).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name
    with pytest.raises(SegkitError, match=rf"too small for output stride {output_stride}; give at least {least} along"):
        model(image(batch, 3, least, least - 1))


def test_one_value_per_channel_takes_the_running_statistics():
    """It is normalised as in eval mode and leaves them as they are; with two values the batch's own are taken."""
    norm, x = shuffle_norms(BatchNorm(3)), image(2, 3, 1, 1)
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    alone = norm.train()(x[:1])
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())
    torch.testing.assert_close(alone, norm.eval()(x[:1]))
    torch.testing.assert_close(
        norm.train()(x), functional.batch_norm(x, None, None, norm.weight, norm.bias, training=True)
    )


def test_pooling_keeps_the_map_and_appends_its_pyramid():
    """The first channels are the input itself; a constant map has a constant pyramid."""
    pooling, x = PyramidPooling(8, (1, 2, 3, 6)).eval(), image(1, 8, 5, 7)
    assert torch.equal(pooling(x)[:, :8], x)
    flat = pooling(torch.ones(1, 8, 5, 7))
    torch.testing.assert_close(flat, flat[:, :, :1, :1].expand_as(flat))


def test_eval_is_deterministic_and_independent_of_the_batch():
    """A sample's logits do not depend on the call or on its neighbours."""
    model, x = shuffle_norms(small()), image(3, 3, 40, 32)
    together = model(x)
    assert torch.equal(together, model(x))
    torch.testing.assert_close(together[1:2], model(x[1:2]), rtol=1e-4, atol=1e-5)


def test_dropout_acts_in_train_mode_only():
    """Two training passes differ in the main logits, two evaluation passes do not."""
    model, x = small(dropout=0.5), image(2, 3, 32, 32)
    assert torch.equal(model(x), model(x))
    model.train()
    assert not torch.equal(model(x).logits[0], model(x).logits[0])


def test_a_frozen_backbone_stays_as_it_is(tmp_path: Path):
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


def test_freezing_random_weights_is_refused():
    """Without weights to keep, freezing is a mistake."""
    with pytest.raises(UsageError, match=r"would keep random weights; set arch.pretrained=true or arch.weights=FILE"):
        small(freeze_backbone=True)


def test_weights_of_a_file_are_loaded(tmp_path: Path):
    """Every tensor of the backbone is the file's; the classifier of the file is left out."""
    torch.manual_seed(3)
    saved = shuffle_norms(timm.create_model("test_resnet")).state_dict()
    save_file(saved, tmp_path / "weights.safetensors")
    state = small(weights=tmp_path / "weights.safetensors").backbone.state_dict()
    assert state
    assert all(torch.equal(value, saved[name]) for name, value in state.items())


def test_the_first_layer_is_fitted_to_one_channel(tmp_path: Path):
    """On a grey image the backbone for one channel gives what the one for three gives on its three copies."""
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "weights.safetensors")
    grey, colour = (small(channels=channels, weights=tmp_path / "weights.safetensors").backbone for channels in (1, 3))
    x = image(1, 1, 32, 32)
    for one, three in zip(grey(x), colour(x.expand(-1, 3, -1, -1)), strict=True):
        torch.testing.assert_close(one, three, rtol=1e-4, atol=1e-5)


def test_weights_that_do_not_fit_list_the_first_differing_keys(tmp_path: Path):
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
def test_a_file_that_is_not_safetensors_is_a_sentence(tmp_path: Path, name, content, message):
    """Nothing is unpickled, and what is damaged or missing is named."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SegkitError, match=message):
        small(weights=tmp_path / name)


def test_pretrained_weights_come_through_timms_loading(monkeypatch: pytest.MonkeyPatch):
    """`pretrained` takes what timm's hub access gives."""
    torch.manual_seed(3)
    saved = shuffle_norms(timm.create_model("test_resnet")).state_dict()
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", lambda *_, **__: dict(saved))
    state = small(pretrained=True).backbone.state_dict()
    assert all(torch.equal(value, saved[name]) for name, value in state.items())


def test_offline_says_which_weights_and_how_to_pass_a_file(monkeypatch: pytest.MonkeyPatch):
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
    assert f"https://huggingface.co/{hub} " in raised.value.hint
    assert raised.value.hint.endswith("--set arch.weights=FILE")


def test_a_backbone_without_published_weights_is_named():
    """Nothing starts from random weights where pretrained ones were asked for."""
    published = {name.split(".")[0] for name in timm.list_pretrained()}
    name = next(name for name in timm.list_models("resnet*") if name not in published)
    with pytest.raises(UsageError, match=f"timm has no pretrained weights for {name}"):
        small(backbone=name, pretrained=True)


def test_volumes_are_refused():
    """A 3D task is a usage error that says what can."""
    with pytest.raises(UsageError, match=r"PSPNet is 2D only, the task has 3 spatial dims; .*unet or unetpp"):
        build(Task(1, ("a",), 3), PSPNetParams())


def test_an_empty_pyramid_is_refused():
    """A pyramid without levels is a usage error."""
    with pytest.raises(UsageError, match=r"arch.bins is empty; give .* arch.bins=1,2,3,6"):
        small(bins=())


def test_declared_layers_exist_and_give_spatial_maps():
    """`last` and `middle` work on the backbone's grid, whatever the backbone."""
    for backbone in ("test_resnet", "test_efficientnet"):
        model, shapes = small(backbone=backbone), {}
        for label, name in DECLARATION.layers.items():
            model.get_submodule(name).register_forward_hook(
                lambda _module, _inputs, output, label=label, shapes=shapes: shapes.update({label: output.shape[2:]})
            )
        model(image(1, 3, 40, 48))
        assert shapes == {"last": (5, 6), "middle": (5, 6)}


def test_declared_defaults_are_params_that_build():
    """What a first run is given exists, and starts from random weights as it says."""
    settings = {name.removeprefix("arch."): value for name, value in DECLARATION.defaults[2].items()}
    params = PSPNetParams(**settings)
    assert not params.pretrained
    with torch.device("meta"):
        assert 1e7 < count(build(Task(3, ("a",)), params)) < 2e7


def test_state_survives_files_copies_and_pickles(tmp_path: Path):
    """Plain tensors in a file, deep copies and pickles, as workers get them, compute the same."""
    model, x = shuffle_norms(small()), image(1, 3, 32, 32)
    torch.manual_seed(9)
    other = build(Task(3, ("a",)), PSPNetParams(backbone="test_resnet", head_width=8)).eval()
    assert not torch.equal(model(x), other(x))
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    other.load_state_dict(load_file(tmp_path / "model.safetensors"))
    for twin in (other, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(model(x), twin(x))


def test_export_is_dynamic():
    """The exported graph takes other batches and sizes than the traced ones."""
    model = shuffle_norms(small())
    batch, height, width = (torch.export.Dim(name, min=2, max=64) for name in ("batch", "height", "width"))
    shapes = {"x": {0: batch, 2: model.size_multiple * height, 3: model.size_multiple * width}}
    program = torch.export.export(model, (image(2, 3, 48, 64),), dynamic_shapes=shapes)
    other = image(3, 3, 80, 24)
    torch.testing.assert_close(program.module()(other), model(other), rtol=1e-4, atol=1e-5)


def test_declaring_does_not_import_torch_or_timm():
    """The plugin's own module stays light."""
    code = (
        "import sys, segkit_pspnet as it; it.segkit_architectures(); sys.exit(bool({'torch', 'timm'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""The published head against torchvision's ResNet with the head written out, and an independent count."""

import numpy as np
import pytest
import torch
from torch.nn import functional
from torchvision.models import resnet50

from segkit import Outputs, Task
from segkit_pspnet.model import PyramidPooling, build
from segkit_pspnet.params import PSPNetParams


def test_parameter_count_is_that_of_its_parts(count):
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


def test_forward_equals_torchvisions_backbone_and_the_papers_head(image, shuffle_norms):
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


def test_other_bins_and_no_auxiliary_head(small, image):
    """The pyramid has the levels asked for; without the auxiliary head train mode returns the logits alone."""
    model = small(bins=(1, 4, 5), aux_weight=0.0)
    channels = model.backbone.feature_info.channels()[-1]
    assert model.pooling.out_channels == channels + 3 * (channels // 3)
    assert not any(name.startswith("aux") for name in model.state_dict())
    assert isinstance(model.train()(image(2, 3, 32, 32)), torch.Tensor)


def test_pooling_keeps_the_map_and_appends_its_pyramid(image):
    """The first channels are the input itself; a constant map has a constant pyramid."""
    pooling, x = PyramidPooling(8, (1, 2, 3, 6)).eval(), image(1, 8, 5, 7)
    assert torch.equal(pooling(x)[:, :8], x)
    flat = pooling(torch.ones(1, 8, 5, 7))
    torch.testing.assert_close(flat, flat[:, :, :1, :1].expand_as(flat))

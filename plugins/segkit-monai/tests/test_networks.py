"""MONAI's networks in the bridge: its own logits, several heads, sizes, and equal weights in segkit's U-Net."""

import pytest
import torch
from monai.networks import nets
from monai.networks.blocks.dynunet_block import UnetResBlock
from torch.nn import functional

from segkit import Outputs, SegkitError, Task, UsageError, components
from segkit.params import build

NETWORKS = {item.component.name: item for item in components("arch") if item.plugin.name == "segkit-monai"}


def small(name, dims=2, channels=3, classes=("a",), **params):
    """One of the networks as the kit builds it, in eval mode, the same each time."""
    torch.manual_seed(0)
    component = NETWORKS[name].component
    made = build(component.params, {**component.small, **params}, name)
    return NETWORKS[name].load()(Task(channels, classes, dims), made).eval()


def image(*shape):
    """A reproducible random tensor."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", NETWORKS)
def test_logits_are_monais(name):
    """On sizes that it takes, the bridge changes nothing; others are padded with their last row and column."""
    bridged = small(name, classes=("a", "b"))
    least = bridged.size_minimum
    x = image(1, 3, least, least + 1)
    padded = functional.pad(x, (0, bridged.size_multiple - 1, 0, 0), mode="replicate")
    with torch.no_grad():
        theirs = bridged.network(padded)
        theirs = theirs[-1] if isinstance(theirs, list) else theirs
        assert torch.equal(bridged(padded), theirs)
        assert torch.equal(bridged(x), theirs[..., : least + 1])
    with pytest.raises(SegkitError, match=rf"too small; give at least {least} along each side"):
        bridged(x[..., : least - 1])


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("monai-basicunetplusplus", (1.0, 1.0, 1.0, 1.0)),
        ("monai-dynunet", (1.0, 0.5, 0.25)),
        ("monai-segresnetds", (1.0, 0.5, 0.25)),
        ("monai-mednext", (1.0, 0.5, 0.25, 0.125, 0.0625)),
    ],
)
@pytest.mark.parametrize("side", [32, 33])
def test_deep_supervision_is_outputs(name, weights, side):
    """The main logits come first, and are those of eval mode where nothing depends on the mode; all train."""
    bridged = small(name, deep_supervision=True)
    x = image(2, 3, side, 32)
    expected = bridged(x)
    assert isinstance(expected, torch.Tensor)
    outputs = bridged.train()(x)
    assert isinstance(outputs, Outputs)
    assert tuple(outputs.weights) == weights
    assert outputs.logits[0].shape == (2, 1, side, 32)
    if name != "monai-segresnetds":  # it has batch normalisation
        torch.testing.assert_close(outputs.logits[0], expected, rtol=1e-4, atol=1e-4)
    sum(logits.square().mean() for logits in outputs.logits).backward()
    heads = [parameter.grad for key, parameter in bridged.named_parameters() if "head" in key or "final" in key]
    assert all(grad is not None for grad in heads)


@pytest.mark.parametrize(("name", "width", "factor"), [("monai-segresnet", 12, 8), ("monai-swinunetr", 16, 12)])
def test_widths_that_do_not_divide_are_named(name, width, factor):
    """A usage error in place of MONAI's assertion."""
    with pytest.raises(UsageError, match=f"arch.width={width} is no multiple of {factor}; give {factor}, {2 * factor}"):
        small(name, width=width)


@pytest.mark.parametrize("dims", [2, 3])
def test_segkits_unet_with_monais_weights(dims):
    """BasicUNet's weights, copied layer by layer into segkit-unet, give equal maps on every level but the finest.

    There MONAI's up-sampling keeps the channels, as no other network does.
    """
    unet = pytest.importorskip("segkit_unet.model")
    torch.manual_seed(0)
    options = {"act": "relu", "norm": ("instance", {"affine": True}), "bias": False}
    theirs = nets.BasicUNet(dims, 3, 2, (4, 8, 16, 32, 64, 4), **options).eval()
    ours = unet.UNet(3, 2, dims, width=4, depth=4, norm="instance").eval()
    with torch.no_grad():
        blocks = [theirs.conv_0, *(getattr(theirs, f"down_{level}").convs for level in (1, 2, 3, 4))]
        pairs = list(zip([*ours.encoder, ours.bottleneck], blocks, strict=True))
        for level in (1, 2, 3):
            other = getattr(theirs, f"upcat_{level + 1}")
            pairs.append((ours.decoder[level].convolutions, other.convs))
            ours.decoder[level].up.load_state_dict(other.upsample.deconv.state_dict())
        for block, other in pairs:
            for position, convolution in ((0, other.conv_0), (3, other.conv_1)):
                block[position].load_state_dict(convolution.conv.state_dict())
                block[position + 1].load_state_dict(convolution.adn.N.state_dict())
        x = image(2, 3, *[32] * dims)
        skips = [theirs.conv_0(x)]
        for level in (1, 2, 3, 4):
            skips.append(getattr(theirs, f"down_{level}")(skips[-1]))
        expected = skips.pop()
        for level, found in zip((4, 3, 2), ours.decoded(x)[:0:-1], strict=True):
            expected = getattr(theirs, f"upcat_{level}")(expected, skips[level - 1])
            torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_segkits_residual_block_with_monais_weights():
    """nnU-Net's residual block as MONAI has it gives the same with the weights copied."""
    blocks = pytest.importorskip("segkit_unet.blocks")
    torch.manual_seed(0)
    theirs = UnetResBlock(3, 3, 5, 3, 1, ("INSTANCE", {"affine": True}), act_name="relu")
    ours = blocks.ResidualConvolution(3, 3, 5, "instance")
    copies = {"convolutions.0": "conv1.conv", "convolutions.1": "norm1", "convolutions.3": "conv2.conv"}
    copies |= {"convolutions.4": "norm2", "shortcut.0": "conv3.conv", "shortcut.1": "norm3"}
    for name, other in copies.items():
        ours.get_submodule(name).load_state_dict(theirs.get_submodule(other).state_dict())
    x = image(2, 3, 6, 7, 8)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)

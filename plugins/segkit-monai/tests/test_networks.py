"""MONAI's networks in the bridge: its own logits, several heads, sizes, and segkit's weights in MONAI's networks."""

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


def copy_into(theirs, ours):
    """Copy a tensor into the first entries of a larger one, whose others become 0."""
    theirs.zero_()
    theirs[tuple(slice(0, length) for length in ours.shape)] = ours


def copy_block(theirs, ours):
    """Copy two convolutions with their normalisations."""
    for position, convolution in ((0, theirs.conv_0), (3, theirs.conv_1)):
        copy_into(convolution.conv.weight, ours[position].weight)
        for name, parameter in convolution.adn.N.named_parameters():
            copy_into(parameter, getattr(ours[position + 1], name))


def copy_up(theirs, ours):
    """Copy an up-sampling and the convolutions after it.

    On the finest level MONAI's up-sampling keeps the channels, as no other network does: those too many are 0
    there, and the convolution after it takes nothing from them.
    """
    for name, parameter in theirs.upsample.deconv.named_parameters():
        copy_into(parameter, getattr(ours.up, name))
    copy_block(theirs.convs, ours.convolutions)


MONAIS = {"act": "relu", "norm": ("instance", {"affine": True}), "bias": False, "features": (4, 8, 16, 32, 64, 4)}


@pytest.mark.parametrize("dims", [2, 3])
def test_segkits_unet_in_monais(dims):
    """With segkit-unet's weights copied layer by layer MONAI's BasicUNet gives its logits."""
    unet = pytest.importorskip("segkit_unet.model")
    torch.manual_seed(0)
    theirs = nets.BasicUNet(dims, 3, 2, **MONAIS).eval()
    ours = unet.UNet(3, 2, dims, width=4, depth=4, norm="instance").eval()
    with torch.no_grad():
        blocks = [theirs.conv_0, *(getattr(theirs, f"down_{level}").convs for level in (1, 2, 3, 4))]
        for other, block in zip(blocks, [*ours.encoder, ours.bottleneck], strict=True):
            copy_block(other, block)
        for level, block in enumerate(ours.decoder, 1):
            copy_up(getattr(theirs, f"upcat_{level}"), block)
        theirs.final_conv.load_state_dict(ours.head.state_dict())
        x = image(2, 3, *[32] * dims)
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dims", [2, 3])
def test_segkits_unetpp_in_monais(dims):
    """With segkit-unetpp's weights copied layer by layer MONAI's BasicUNetPlusPlus gives the logits of all heads."""
    unetpp = pytest.importorskip("segkit_unetpp.model")
    torch.manual_seed(0)
    theirs = nets.BasicUNetPlusPlus(dims, 3, 2, **MONAIS, deep_supervision=True).eval()
    ours = unetpp.UNetPlusPlus(3, 2, dims, width=4, depth=4, norm="instance").train()
    with torch.no_grad():
        for level, block in enumerate(ours.columns[0]):
            other = getattr(theirs, f"conv_{level}_0")
            copy_block(other.convs if level else other, block)
        for column in (1, 2, 3, 4):
            for level, block in enumerate(ours.columns[column]):
                copy_up(getattr(theirs, f"upcat_{level}_{column}"), block)
            getattr(theirs, f"final_conv_0_{column}").load_state_dict(ours.heads[str(column)].state_dict())
        x = image(2, 3, *[32] * dims)
        for found, expected in zip(ours(x).logits, theirs(x)[::-1], strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(ours.eval()(x), torch.stack(theirs(x)).mean(dim=0), rtol=1e-3, atol=1e-4)


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


@pytest.mark.parametrize("levels", [4, 6])
def test_layers_of_a_dynunet_follow_its_levels(levels):
    """Whatever its depth, the layers that explain it are modules of it."""
    from segkit.discovery import Registry
    from segkit.params import build

    found = Registry.discover().find("arch", "monai-dynunet")
    params = build(found.component.params, {"levels": levels, "width": 4}, "arch monai-dynunet")
    network = found.network(Task(1, ("a",)), params, (64, 64))
    modules = dict(network.named_modules())
    assert all(name in modules for name in found.layers(params).values())
    assert network.size_multiple == 2 ** (levels - 1)

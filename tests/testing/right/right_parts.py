"""Right components from the ecosystem: no check accuses them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import nn
from torch.nn import functional

import segkit

IGNORE = segkit.IGNORE


class Padded(nn.Module):
    """Pads the image to a multiple, and gives logits on the image's grid."""

    def __init__(self, inner: nn.Module, multiple: int) -> None:
        super().__init__()
        self.inner, self.size_multiple = inner, multiple

    def forward(self, x: torch.Tensor) -> Any:
        """Pad at the end, crop at the end."""
        sides = x.shape[2:]
        short = [-side % self.size_multiple for side in sides]
        pads = [part for amount in reversed(short) for part in (0, amount)]
        found = self.inner(functional.pad(x, pads))
        crop = (slice(None), slice(None), *(slice(0, side) for side in sides))
        if isinstance(found, segkit.Outputs):
            return segkit.Outputs([found.logits[0][crop], *found.logits[1:]], found.weights)
        return found[crop]


class Resized(nn.Module):
    """Resizes a library's logits to the image, taken out of whatever they come in."""

    def __init__(self, inner: nn.Module, name: str) -> None:
        super().__init__()
        self.inner, self.name = inner, name

    def forward(self, x: torch.Tensor) -> Any:
        """Auxiliary logits in train mode, where the library has some."""
        found = self.inner(x)
        main = found[self.name] if isinstance(found, dict) else getattr(found, self.name)
        logits = functional.interpolate(main, x.shape[2:], mode="bilinear", align_corners=False)
        if self.training and isinstance(found, dict) and "aux" in found:
            return segkit.Outputs([logits, found["aux"]], (1.0, 0.4))
        return logits


def without_batch_statistics(model: nn.Module) -> nn.Module:
    """Put group normalisation in the place of batch normalisation: maps of one pixel have no statistics."""
    for name, module in list(model.named_children()):
        if isinstance(module, nn.BatchNorm2d):
            setattr(model, name, nn.GroupNorm(1, module.num_features))
        else:
            without_batch_statistics(module)
    return model


def segformer(task, params):
    """Build transformers' SegFormer, tiny and untrained."""
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    config = SegformerConfig(
        num_channels=task.in_channels,
        num_labels=task.out_channels,
        depths=[1, 1, 1, 1],
        hidden_sizes=[8, 16, 24, 32],
        num_attention_heads=[1, 2, 3, 4],
        decoder_hidden_size=16,
    )
    model = SegformerForSemanticSegmentation(config)
    return Padded(Resized(without_batch_statistics(model), "logits"), 32)


def upernet(task, params):
    """Build transformers' UperNet on ConvNeXt, tiny and untrained."""
    from transformers import ConvNextConfig, UperNetConfig, UperNetForSemanticSegmentation

    backbone = ConvNextConfig(
        num_channels=task.in_channels,
        depths=[1, 1, 1, 1],
        hidden_sizes=[8, 12, 16, 20],
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    config = UperNetConfig(
        backbone_config=backbone, num_labels=task.out_channels, hidden_size=16, use_auxiliary_head=False
    )
    return Padded(Resized(without_batch_statistics(UperNetForSemanticSegmentation(config)), "logits"), 32)


def first_convolution(model: nn.Module, channels: int) -> nn.Module:
    """Give a torchvision backbone another number of channels."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            parent = model.get_submodule(name.rpartition(".")[0])
            same = (module.out_channels, module.kernel_size, module.stride, module.padding)
            setattr(parent, name.rpartition(".")[2], nn.Conv2d(channels, *same, bias=module.bias is not None))
            return model
    raise ValueError("no convolution")


def deeplabv3(task, params):
    """Build torchvision's DeepLabv3 with its auxiliary head."""
    from torchvision.models.segmentation import deeplabv3_mobilenet_v3_large

    model = deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=task.out_channels)
    return Resized(without_batch_statistics(first_convolution(model, task.in_channels)), "out")


def lraspp(task, params):
    """Build torchvision's LR-ASPP."""
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    model = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=task.out_channels)
    return Resized(without_batch_statistics(first_convolution(model, task.in_channels)), "out")


class TimmEncoder(nn.Module):
    """A timm encoder and the simplest decoder."""

    def __init__(self, channels: int, outputs: int) -> None:
        import timm

        super().__init__()
        encoder = timm.create_model(
            "resnet10t", pretrained=False, features_only=True, in_chans=channels, out_indices=(1, 2)
        )
        self.heads = nn.ModuleList(nn.Conv2d(width, outputs, 1) for width in encoder.feature_info.channels())
        self.encoder = without_batch_statistics(encoder)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Sum what each level says, at the image's size."""
        maps = zip(self.heads, self.encoder(x), strict=True)
        return sum(functional.interpolate(head(one), x.shape[2:], mode="bilinear") for head, one in maps)


def timm_encoder(task, params):
    """Build it."""
    return TimmEncoder(task.in_channels, task.out_channels)


class Deep(nn.Module):
    """dynamic-network-architectures with deep supervision as segkit.Outputs."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> Any:
        """The finest first, as the library gives them."""
        self.inner.decoder.deep_supervision = self.training
        found = self.inner(x)
        return segkit.Outputs(found, (1.0, 0.5)) if self.training else found


def plain_unet(task, params):
    """Build nnU-Net's plain U-Net with deep supervision, in 2D or 3D."""
    from dynamic_network_architectures.architectures.unet import PlainConvUNet

    return small_unet(PlainConvUNet, task)


def residual_unet(task, params):
    """Build nnU-Net's residual encoder U-Net with deep supervision, in 2D or 3D."""
    from dynamic_network_architectures.architectures.unet import ResidualEncoderUNet

    return small_unet(ResidualEncoderUNet, task)


def small_unet(kind, task):
    """Build one of the library's U-Nets with three small stages."""
    inner = kind(
        task.in_channels,
        3,
        [4, 8, 8],
        {2: nn.Conv2d, 3: nn.Conv3d}[task.spatial_dims],
        3,
        [1, 2, 2],
        1,
        task.out_channels,
        1,
        conv_bias=True,
        nonlin=nn.LeakyReLU,
        deep_supervision=True,
    )
    return Padded(Deep(inner), 4)


def skeleton(x: torch.Tensor, steps: int = 3) -> torch.Tensor:
    """Soft skeleton of maps (N, C, *S), by Shit et al., CVPR 2021."""
    pool = functional.max_pool2d if x.ndim == 4 else functional.max_pool3d

    def opened(one):
        return pool(-pool(-one, 3, 1, 1), 3, 1, 1)

    found = functional.relu(x - opened(x))
    for _ in range(steps):
        x = -pool(-x, 3, 1, 1)
        rest = functional.relu(x - opened(x))
        found = found + functional.relu(rest - found * rest)
    return found


def cl_dice(task, params):
    """Build dice and centre-line dice in equal parts, per sample."""

    def loss(logits, mask):
        full = logits.float()
        full = torch.cat([torch.zeros_like(full), full], 1) if full.shape[1] == 1 else full
        valid = (mask != IGNORE)[:, None]
        labels = functional.one_hot(mask.where(mask != IGNORE, 0), full.shape[1]).movedim(-1, 1)
        p, r = (full.softmax(1) * valid)[:, 1:], (labels * valid)[:, 1:].float()
        axes = tuple(range(2, p.ndim))
        dice = 1 - (2 * (p * r).sum(axes) + 1) / ((p + r).sum(axes) + 1)
        bones, real = skeleton(p), skeleton(r)
        precision = ((bones * r).sum(axes) + 1) / (bones.sum(axes) + 1)
        recall = ((real * p).sum(axes) + 1) / (real.sum(axes) + 1)
        return (0.5 * dice + 0.5 * (1 - 2 * precision * recall / (precision + recall))).mean(1)

    return loss


@dataclass(frozen=True)
class Smoothing:
    """Params of a cross entropy."""

    smoothing: float = segkit.param(0.1, "Share of a pixel that other labels get.", min=0, max=0.5)


def smoothed(task, params):
    """Build cross entropy with smoothed labels."""

    def loss(logits, mask):
        full = logits.float()
        full = torch.cat([torch.zeros_like(full), full], 1) if full.shape[1] == 1 else full
        values = functional.cross_entropy(
            full, mask, ignore_index=IGNORE, reduction="none", label_smoothing=params.smoothing
        )
        return values.flatten(1).sum(1) / (mask != IGNORE).flatten(1).sum(1).clamp_min(1)

    return loss


def taken(prediction, mask, spacing, task, sets, distances):
    """Count sets of labels, with what else was measured."""
    valid = mask != IGNORE
    pairs = [(np.isin(prediction, labels) & valid, np.isin(mask, labels) & valid) for labels in sets]
    return segkit.Measurement(
        true_positive=np.array([(p & r).sum() for p, r in pairs], np.int64),
        false_positive=np.array([(p & ~r).sum() for p, r in pairs], np.int64),
        false_negative=np.array([(~p & r).sum() for p, r in pairs], np.int64),
        true_negative=np.array([(~p & ~r & valid).sum() for p, r in pairs], np.int64),
        shape=mask.shape,
        spacing=spacing,
        distances={name: [measure(p, r) for p, r in pairs] for name, measure in distances.items()},
    )


def each(task):
    """Every class alone."""
    return [[label] for label in range(1, len(task.classes) + 1)]


def measure_edges(prediction, mask, spacing, task, options):
    """Count the pixels of each side's rim, two pixels wide (Cheng et al., CVPR 2021)."""

    def rims(p, r):
        outer = [one & ~ndimage.binary_erosion(one, iterations=2) for one in (p, r)]
        return np.array([(outer[0] & outer[1]).sum(), (outer[0] | outer[1]).sum()], np.float64)

    return taken(prediction, mask, spacing, task, each(task), {"rims": rims})


def boundary_iou(task, params):
    """Build it; NaN where there is no rim."""
    return lambda measured: np.array([both / any_ if any_ else np.nan for both, any_ in measured.distances["rims"]])


def measure_counts(prediction, mask, spacing, task, options):
    """Count alone."""
    return taken(prediction, mask, spacing, task, each(task), {})


def volume_bias(task, params):
    """Build the signed difference of volumes as a share of the reference: 0 is best."""

    def score(measured):
        real = measured.reference
        return np.where(real == 0, np.nan, (measured.predicted - real) / np.maximum(real, 1))

    return score


def measure_regions(prediction, mask, spacing, task, options):
    """Count regions as BraTS does: the first value is of all labels, the others of each but the first."""
    labels = range(1, len(task.classes) + 1)
    return taken(prediction, mask, spacing, task, [list(labels), *([label] for label in labels if label > 1)], {})


def region_dice(task, params):
    """Build dice of regions."""

    def score(measured):
        total = measured.reference + measured.predicted
        return np.where(total == 0, np.nan, 2 * measured.true_positive / np.maximum(total, 1))

    return score


def measure_lesions(prediction, mask, spacing, task, options):
    """Count lesions that are found, missed and made up."""

    def lesions(p, r):
        shape = np.ones((3,) * p.ndim)
        marked, real = ndimage.label(r, shape)
        guessed, made = ndimage.label(p, shape)
        found = len(np.unique(marked[p & r]))
        return np.array([found, real - found, made - len(np.unique(guessed[p & r]))], np.float64)

    return taken(prediction, mask, spacing, task, each(task), {"lesions": lesions})


def lesion_f1(task, params):
    """Build it; NaN where there is no lesion on either side."""

    def one(found, missed, made):
        return 2 * found / (2 * found + missed + made) if found + missed + made else np.nan

    return lambda measured: np.array([one(*counts) for counts in measured.distances["lesions"]])


def by_captum(make, **arguments):
    """Build an explainer of the input out of one of captum's."""

    def build(params):
        import captum.attr

        def explain(model, x, layer, target):
            with segkit_hooks(model), torch.enable_grad():
                leaf = x.detach().clone()
                target(model(leaf).detach())
                single = [one for one in range(len(x))]
                maps = torch.cat([attributed(captum.attr, model, leaf[n : n + 1], target, n) for n in single])
            return maps, target.status

        def attributed(attr, model, image, target, number):
            def value(given):
                logits = model(given)
                masks = target.masks[number : number + 1].to(logits.dtype)
                label = target.target.label or 0
                chosen = logits[:, label if logits.shape[1] > 1 else 0]
                return (chosen * masks).flatten(1).sum(1) / masks.sum().clamp_min(1)

            options = (
                arguments
                if make != "Occlusion"
                else {
                    "sliding_window_shapes": (image.shape[1], *[4] * (image.ndim - 2)),
                    "strides": (image.shape[1], *[4] * (image.ndim - 2)),
                }
            )
            return getattr(attr, make)(value).attribute(image, **options).sum(1).detach().float()

        return explain

    return build


def segkit_hooks(model):
    """Leave modes and gradients of the model as they are."""
    import contextlib

    @contextlib.contextmanager
    def kept():
        modes = {module: module.training for module in model.modules()}
        asks = {weight: weight.requires_grad for weight in model.parameters()}
        model.eval()
        for weight in model.parameters():
            weight.requires_grad_(False)
        try:
            yield
        finally:
            for module, mode in modes.items():
                module.training = mode
            for weight, ask in asks.items():
                weight.requires_grad_(ask)

    return kept()


integrated_gradients = by_captum("IntegratedGradients", n_steps=8, internal_batch_size=4)
occlusion = by_captum("Occlusion")
saliency = by_captum("InputXGradient")

"""Which of timm's backbones are taken, and what is said of those that are not."""

import pytest

from segkit import UsageError
from segkit_pspnet.backbone import DILATING, check_dilates, full_model


@pytest.mark.parametrize("name", DILATING)
@pytest.mark.parametrize("output_stride", [8, 16])
def test_offered_backbones_dilate(name, output_stride):
    """What is offered in place of a backbone that cannot dilate has maps of the stride asked for."""
    check_dilates(name, output_stride)


@pytest.mark.parametrize("name", ["test_vit", "vgg11"])
def test_a_backbone_that_cannot_dilate_is_refused_with_alternatives(name, small, count):
    """Whatever way timm refuses, the user reads that it cannot dilate and which near in size can."""
    with pytest.raises(
        UsageError, match=f"{name} cannot be dilated to output stride 8 .*near in size and able to: "
    ) as raised:
        small(backbone=name)
    sizes = {other: count(full_model(other)) for other in (name, *DILATING)}
    nearest = min(DILATING, key=lambda other: abs(sizes[other] - sizes[name]))
    assert raised.value.hint.startswith(f"near in size and able to: {nearest}, ")


def test_an_unknown_backbone_gets_near_names(small):
    """A slip of the finger is answered with names that exist."""
    with pytest.raises(UsageError, match=r"arch.backbone=resnet05: timm has no such model \(near: .*resnet"):
        small(backbone="resnet05")


def test_an_unknown_tag_is_named(small):
    """The model exists, weights of that tag do not."""
    with pytest.raises(UsageError, match=r"arch.backbone=resnet18.best: .*best.*; leave out what follows the dot"):
        small(backbone="resnet18.best")


@pytest.mark.parametrize("backbone", ["test_efficientnet", "mobilenetv3_small_050"])
def test_other_families_work(backbone, small, image):
    """Levels and channels are read from the backbone, not assumed."""
    model = small(backbone=backbone)
    assert model(image(1, 3, 40, 48)).shape == (1, 1, 40, 48)
    assert model.features(model.backbone(image(1, 3, 40, 48))[-1]).shape[2:] == (5, 6)

"""Sizes, batches of one, dropout and params that cannot be meant."""

import pytest
import torch
from torch.nn import functional

from segkit import SegkitError, Task, UsageError
from segkit_pspnet import segkit_architectures
from segkit_pspnet.model import BatchNorm, build
from segkit_pspnet.params import PSPNetParams

DECLARATION = segkit_architectures()[0]


@pytest.mark.parametrize("size", [(16, 16), (17, 16), (97, 131)])
@pytest.mark.parametrize(("channels", "classes"), [(1, ("a",)), (4, ("a", "b"))])
def test_any_size_and_channels(size, channels, classes, small, image):
    """Every output has the image's size, also where the map has fewer cells than the largest bin."""
    model = small(classes=classes, channels=channels)
    expected = (2, model.head.classify.out_channels, *size)
    assert model(image(2, channels, *size)).shape == expected
    assert all(logits.shape == expected for logits in model.train()(image(2, channels, *size)).logits)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("output_stride", [8, 32])
def test_the_minimum_trains_and_one_below_is_a_sentence(batch, output_stride, small, image, shuffle_norms):
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


def test_one_value_per_channel_takes_the_running_statistics(image, shuffle_norms):
    """It is normalised as in eval mode and leaves them as they are; with two values the batch's own are taken."""
    norm, x = shuffle_norms(BatchNorm(3)), image(2, 3, 1, 1)
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    alone = norm.train()(x[:1])
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())
    torch.testing.assert_close(alone, norm.eval()(x[:1]))
    torch.testing.assert_close(
        norm.train()(x), functional.batch_norm(x, None, None, norm.weight, norm.bias, training=True)
    )


def test_dropout_acts_in_train_mode_only(small, image):
    """Two training passes differ in the main logits, two evaluation passes do not."""
    model, x = small(dropout=0.5), image(2, 3, 32, 32)
    assert torch.equal(model(x), model(x))
    model.train()
    assert not torch.equal(model(x).logits[0], model(x).logits[0])


def test_volumes_are_refused():
    """A 3D task is a usage error that says what can."""
    with pytest.raises(UsageError, match=r"PSPNet is 2D only, the task has 3 spatial dims; .*unet or unetpp"):
        build(Task(1, ("a",), 3), PSPNetParams())


def test_an_empty_pyramid_is_refused(small):
    """A pyramid without levels is a usage error."""
    with pytest.raises(UsageError, match=r"arch.bins is empty; give .* arch.bins=1,2,3,6"):
        small(bins=())


def test_declared_layers_exist_and_give_spatial_maps(small, image):
    """`last` and `middle` work on the backbone's grid, whatever the backbone."""
    for backbone in ("test_resnet", "test_efficientnet"):
        model, shapes = small(backbone=backbone), {}
        for label, name in DECLARATION.layers.items():
            model.get_submodule(name).register_forward_hook(
                lambda _module, _inputs, output, label=label, shapes=shapes: shapes.update({label: output.shape[2:]})
            )
        model(image(1, 3, 40, 48))
        assert shapes == {"last": (5, 6), "middle": (5, 6)}


def test_declared_defaults_are_params_that_build(count):
    """What a first run is given exists, and starts from random weights as it says."""
    settings = {name.removeprefix("arch."): value for name, value in DECLARATION.defaults[2].items()}
    params = PSPNetParams(**settings)
    assert not params.pretrained
    with torch.device("meta"):
        assert 1e7 < count(build(Task(3, ("a",)), params)) < 2e7

"""Networks that are each wrong in one way."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from wrong import Table

import segkit

NETWORKS = Table()
LAYERS = {"last": "body"}
PAIR = {"spatial_dims": (2,), "layers": LAYERS}


class Net(nn.Module):
    """Two convolutions; what is wrong is in a subclass."""

    size_minimum, size_multiple = 4, 2

    def __init__(self, channels, outputs, width=4):
        super().__init__()
        self.body = nn.Conv2d(channels, width, 3, padding=1)
        self.head = nn.Conv2d(width, outputs, 1)

    def forward(self, x):
        """Give logits; no smaller image than stated."""
        if min(x.shape[2:]) < self.size_minimum:
            raise segkit.SegkitError(f"{tuple(x.shape)} is smaller than 4", "give larger images")
        return self.out(self.maps(x), x)

    def maps(self, x):
        """The maps before the last layer."""
        return torch.relu(self.body(x))

    def out(self, maps, x):
        """The logits."""
        return self.head(maps)


def net(check, says, *also, **declares):
    """Register a network class."""

    def register(kind):
        def build(task, params):
            return kind(task.in_channels, task.out_channels)

        build.__name__ = kind.__name__
        NETWORKS.add(check, says, *also, **{**PAIR, **declares})(build)
        return kind

    return register


@net("logits", "take out the softmax or sigmoid")
class softmax_at_the_end(Net):
    def out(self, maps, x):
        found = self.head(maps)
        return found.softmax(1) if found.shape[1] > 1 else found


@net("logits", "take out the sigmoid")
class sigmoid_at_the_end(Net):
    def out(self, maps, x):
        return self.head(maps).sigmoid()


@net("logits", "take out the")
class probabilities_in_eval(Net):
    def out(self, maps, x):
        found = self.head(maps)
        return found if self.training else found.sigmoid()


@net("logits", "take out the ReLU")
class relu_at_the_end(Net):
    def out(self, maps, x):
        return torch.relu(self.head(maps))


@net("logits", "take out the tanh")
class tanh_at_the_end(Net):
    def out(self, maps, x):
        return torch.tanh(self.head(maps))


@net("main-first", "put the main logits first")
class auxiliary_first(Net):
    def __init__(self, channels, outputs):
        super().__init__(channels, outputs)
        self.other = nn.Conv2d(4, outputs, 1)

    def out(self, maps, x):
        if self.training:
            return segkit.Outputs([self.other(maps), self.head(maps)], (1.0, 0.4))
        return self.head(maps)


@net("train-outputs", "return logits, or segkit.Outputs")
class tuple_in_train_mode(Net):
    def out(self, maps, x):
        return (self.head(maps), self.head(maps)) if self.training else self.head(maps)


@net("train-outputs", "that of the main logits not 0")
class weight_of_zero(Net):
    def out(self, maps, x):
        return segkit.Outputs([self.head(maps)], (0.0,)) if self.training else self.head(maps)


@net("builds", "return the main logits alone")
class dict_of_logits(Net):
    def out(self, maps, x):
        return {"out": self.head(maps)}


@net("builds", "task.out_channels")
class two_outputs_always(Net):
    def __init__(self, channels, outputs):
        super().__init__(channels, max(2, outputs))


@net("builds", "in wrong_networks.py line")
class three_channels_always(Net):
    def __init__(self, channels, outputs):
        super().__init__(3, outputs)


@net("builds", "on the image's grid")
class half_the_grid(Net):
    def maps(self, x):
        return functional.avg_pool2d(torch.relu(self.body(x)), 2)


@net("builds", "a torch.nn.Module")
def no_module(channels, outputs):
    return lambda x: x


@net("sizes", "")
class fixed_position(Net):
    def __init__(self, channels, outputs):
        super().__init__(channels, outputs)
        self.position = nn.Parameter(torch.randn(1, 4, 32, 50) * 0.1)

    def maps(self, x):
        rows, columns = x.shape[2:]
        return torch.relu(self.body(x) + self.position[:, :, :rows, :columns])


@net("sizes", "resize the logits to x.shape[2:]")
class odd_sides_lost(Net):
    def maps(self, x):
        found = functional.avg_pool2d(torch.relu(self.body(x)), 2)
        return functional.interpolate(found, scale_factor=2.0)


@net("minimum", "raise segkit.SegkitError", "gradients")
class minimum_not_said(Net):
    def forward(self, x):
        """No word of the smallest side."""
        if min(x.shape[2:]) < 4:
            raise ValueError("too small")
        return self.out(self.maps(x), x)


@net("deterministic", "act only in train mode")
class dropout_in_eval(Net):
    def maps(self, x):
        return functional.dropout(torch.relu(self.body(x)), 0.1, training=True)


@net("independent", "not over the batch")
class statistics_of_the_batch_in_eval(Net):
    def __init__(self, channels, outputs):
        super().__init__(channels, outputs)
        self.norm = nn.BatchNorm2d(4, track_running_stats=False)

    def maps(self, x):
        return torch.relu(self.norm(self.body(x)))


@net("gradients", "use it in forward in train mode")
class unused_layer(Net):
    def __init__(self, channels, outputs):
        super().__init__(channels, outputs)
        self.old_head = nn.Conv2d(4, outputs, 3)


@net("gradients", "no trainable parameter")
class all_frozen(Net):
    def __init__(self, channels, outputs):
        super().__init__(channels, outputs)
        self.requires_grad_(False)


@net("gradients", "use it in forward", "eval-gradients")
class detached_body(Net):
    def maps(self, x):
        return torch.relu(self.body(x)).detach()


@net("eval-gradients", "take out torch.no_grad")
class no_grad_in_eval(Net):
    def maps(self, x):
        with torch.set_grad_enabled(self.training and torch.is_grad_enabled()):
            return torch.relu(self.body(x))


@net("eval-gradients", "take out torch.no_grad")
class data_of_the_image(Net):
    def maps(self, x):
        return torch.relu(self.body(x.data))


@net("batch-of-one", "batch normalisation needs two values")
class pooled_batch_norm(Net):
    def __init__(self, channels, outputs):
        super().__init__(channels, outputs)
        self.norm = nn.BatchNorm2d(4)

    def maps(self, x):
        found = torch.relu(self.body(x))
        return found + self.norm(found.mean((2, 3), keepdim=True))


@net("safetensors", "register_buffer", "seeds")
class state_outside(Net):
    def __init__(self, channels, outputs):
        super().__init__(channels, outputs)
        self.scale = (1 + torch.rand(1)).item()

    def out(self, maps, x):
        return self.head(maps) * self.scale


@net("device", "register_buffer")
class tensor_on_self(Net):
    def __init__(self, channels, outputs):
        super().__init__(channels, outputs)
        self.mean = torch.full((1, channels, 1, 1), 0.5)

    def maps(self, x):
        return torch.relu(self.body(x - self.mean))


@net("device", "device=x.device")
class zeros_on_the_cpu(Net):
    def maps(self, x):
        found = torch.relu(self.body(x))
        return found + torch.linspace(0, 1, x.shape[-1])


@net("device", "device")
class back_to_the_cpu(Net):
    def maps(self, x):
        return torch.relu(self.body(x.to("cpu")))


@net("float32", "dtype=x.dtype", "bfloat16")
class double_logits(Net):
    def out(self, maps, x):
        return self.head(maps).double()


@net("float32", "under roots and denominators")
class divides_by_deviation(Net):
    def maps(self, x):
        return torch.relu(self.body((x - x.mean((1, 2, 3), True)) / x.std((1, 2, 3), keepdim=True)))


@net("float32", "use x in forward", "eval-gradients", "gradients", "aligned")
class image_not_used(Net):
    def maps(self, x):
        return torch.relu(self.body(torch.ones_like(x)))


@net("images-kept", "in place of x -= mean")
class centred_in_place(Net):
    def maps(self, x):
        if not x.requires_grad:
            x -= x.mean((1, 2, 3), keepdim=True)
        return torch.relu(self.body(x))


@net("stateless", "keep nothing of one call")
class grid_of_the_first_size(Net):
    size = None

    def maps(self, x):
        largest = max(max(x.shape[2:]), self.size or 0)
        self.size = largest
        return torch.relu(self.body(x)) * (1 + largest / 1000)


@net("stateless", "leave weights to the optimizer")
class weights_normalised_in_forward(Net):
    def maps(self, x):
        if self.training:
            with torch.no_grad():
                self.body.weight.data = functional.normalize(self.body.weight.data, dim=1)
        return torch.relu(self.body(x))


@net("aligned", "take out flips")
class flipped(Net):
    def out(self, maps, x):
        return self.head(maps).flip(-1, -2)


@net("released", "keep none on self", "copies")
class features_on_self(Net):
    def maps(self, x):
        self.features = torch.relu(self.body(x))
        return self.features


ALIVE = []


@net("released", "keep no networks in lists")
class list_of_networks(Net):
    def __init__(self, channels, outputs):
        super().__init__(channels, outputs)
        ALIVE.append(self)


@NETWORKS.add("seeds", "take torch.manual_seed out", **PAIR)
def seeded_in_the_factory(task, params):
    torch.manual_seed(42)
    return Net(task.in_channels, task.out_channels)


@functools.cache
def _made(channels, outputs):
    return Net(channels, outputs)


SHARED = ("released", "repeatable", "copies", "safetensors", "channels-last", "bfloat16")


@NETWORKS.add("seeds", "build every module inside the factory", *SHARED, **PAIR)
def cached_factory(task, params):
    return _made(task.in_channels, task.out_channels)


@NETWORKS.add("repeatable", "torch.manual_seed has to be enough", **PAIR)
def weights_of_the_system(task, params):
    found = Net(task.in_channels, task.out_channels)
    with torch.no_grad():
        found.head.bias.fill_(int.from_bytes(os.urandom(2), "big") / 65536)
    return found


@NETWORKS.add("globals", "torch.backends.cudnn.benchmark", **PAIR)
def turns_cudnn(task, params):
    torch.backends.cudnn.benchmark = True
    return Net(task.in_channels, task.out_channels)


@NETWORKS.add("released", "switches gradients", **PAIR)
def switches_gradients_on(task, params):
    class Switching(Net):
        def out(self, maps, x):
            found = self.head(maps)
            torch.set_grad_enabled(True)
            return found

    return Switching(task.in_channels, task.out_channels)


@NETWORKS.add("globals", "os.environ", **PAIR)
def sets_the_environment(task, params):
    class Setting(Net):
        def out(self, maps, x):
            os.environ["KIT_CALLS"] = str(int(os.environ.get("KIT_CALLS", "0")) + 1)
            return self.head(maps)

    return Setting(task.in_channels, task.out_channels)


@net("silent", "take out print()")
class prints_shapes(Net):
    def out(self, maps, x):
        print(maps.shape)
        return self.head(maps)


@net("layers", "named_modules", layers={"last": "decoder.last"})
class layer_misnamed(Net):
    pass


@net("layers", "keeps the grid", layers={"last": "pooled"})
class layer_without_grid(Net):
    def __init__(self, channels, outputs):
        super().__init__(channels, outputs)
        self.pooled = nn.Linear(4, 4)

    def maps(self, x):
        found = torch.relu(self.body(x))
        return found * self.pooled(found.mean((2, 3))).sigmoid()[:, :, None, None]


@net("layers", "channels second", layers={"last": "norm"})
class layer_with_channels_last(Net):
    def __init__(self, channels, outputs):
        super().__init__(channels, outputs)
        self.norm = nn.LayerNorm(4)

    def maps(self, x):
        return torch.relu(self.norm(self.body(x).movedim(1, -1)).movedim(-1, 1))


@net("defaults", "did you mean", defaults={2: {"train.epoch": 3}})
class default_misnamed(Net):
    pass


@net("channels-last", "in wrong_networks.py line", "torch-export")
class view_of_the_image(Net):
    def maps(self, x):
        return torch.relu(self.body(x.view(len(x), -1).view(x.shape)))


@net("bfloat16", "float32")
class half_variance(Net):
    def maps(self, x):
        found = torch.relu(self.body(x))
        wide = found + 1000
        return wide - wide.mean((2, 3), keepdim=True)


@net("copies", "on the network")
class generator_on_self(Net):
    def __init__(self, channels, outputs):
        super().__init__(channels, outputs)
        self.source = iter(open(os.devnull))  # noqa: SIM115, PTH123 - what the copy cannot take along


@net("compile", "whether compiled or not")
class other_way_when_compiled(Net):
    def out(self, maps, x):
        return self.head(maps) * (2 if torch.compiler.is_dynamo_compiling() else 1)


@net("torch-export", "keep sizes that depend on the image symbolic", "onnx")
class loop_over_the_side(Net):
    def maps(self, x):
        found = self.body(x)
        for number in range(int(x.shape[2]) // 8):
            found = found + 0.1 * number
        return torch.relu(found)


@net("torch-export", "no .item()", "onnx")
class decides_by_value(Net):
    def maps(self, x):
        found = self.body(x)
        return torch.relu(found) * 2 if found.mean().item() > 0.5 else torch.relu(found)


@dataclass(frozen=True)
class Depth:
    """Params of a network."""

    depth: int = segkit.param(2, "How many levels it has.", min=1, max=6)


@NETWORKS.add("params-effect", "or take it out of the params", params=Depth, **PAIR)
def param_without_effect(task, params):
    width = 4 * min(params.depth, 1)
    return Net(task.in_channels, task.out_channels, width)


@NETWORKS.add("params-effect", "nothing reads depth", params=Depth, **PAIR)
def param_forgotten(task, params):
    return Net(task.in_channels, task.out_channels)

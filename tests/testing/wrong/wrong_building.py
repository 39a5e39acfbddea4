"""Networks that are each built or declared wrongly in one way, or that no graph can be made of."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass

import torch
from network_base import NETWORKS, PAIR, Net, net
from torch import nn

import segkit


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


@net("channels-last", "in wrong_building.py line", "torch-export")
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


@NETWORKS.add("params-effect", "or take it out of the params", params=Depth, **PAIR)
def param_without_effect_beside_classes(task, params):
    network = param_without_effect(task, params)
    # Networks of a library keep what their layers are made of.
    network.made_of, network.of_tensors = torch.nn.Conv2d, torch.Tensor
    return network


@NETWORKS.add("params-effect", "nothing reads depth", params=Depth, **PAIR)
def param_forgotten(task, params):
    return Net(task.in_channels, task.out_channels)


@NETWORKS.add("overlapping", "take the number of logits from task.out_channels", **PAIR)
def counts_the_classes_itself(task, params):
    return Net(task.in_channels, 1 if len(task.classes) == 1 else len(task.classes) + 1)

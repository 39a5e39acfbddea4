"""Networks whose logits, gradients or memory are each wrong in one way."""

from __future__ import annotations

import torch
from network_base import Net, net
from torch import nn
from torch.nn import functional

import segkit


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


@net("builds", "in network_base.py line")
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


@net("stateless", "weights themselves are changed by the optimizer")
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


@net("released", "keep nothing that forward computes on self", "copies")
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

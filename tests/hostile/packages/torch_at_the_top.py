"""Imports torch when it is declared."""

import torch

import segkit


@segkit.hookimpl
def segkit_losses():
    """Return a good loss."""
    return [segkit.Loss(name="heavy", factory="hostile_torch_at_the_top:build", summary="Slow to declare.")]


def build(task, params):
    """Return something callable."""
    return torch.nn.functional.mse_loss

"""Prints and warns when it is imported."""

import warnings

import segkit

print("thank you for installing me")
warnings.warn("old habits", DeprecationWarning, stacklevel=2)


@segkit.hookimpl
def segkit_losses():
    """Return a good loss."""
    return [segkit.Loss(name="printed", factory="hostile_printing:build", summary="From a talkative plugin.")]


def build(task, params):
    """Return something callable."""
    return lambda logits, mask: logits

"""A soft overlap loss with a margin, for segkit."""

from dataclasses import dataclass

import segkit


@dataclass(frozen=True)
class Params:
    """Params of softshape."""

    margin: float = segkit.param(1.0, "Added to both areas, so that empty masks have a score.", min=0)


@segkit.hookimpl
def segkit_losses():
    """Declare softshape."""
    summary = "One minus the overlap of the squared areas."
    return [segkit.Loss(name="softshape", factory="segkit_softshape:build", params=Params, summary=summary)]


def build(task, params):
    """Return the loss, one value per sample."""

    def loss(logits, mask):
        valid = (mask != segkit.IGNORE).float()
        foreground = logits.sigmoid()[:, 0] if task.out_channels == 1 else 1 - logits.softmax(1)[:, 0]
        predicted = (foreground * valid).flatten(1)
        reference = ((mask > 0).float() * valid).flatten(1)
        shared = 2 * (predicted * reference).sum(1) + params.margin
        return 1 - shared / (predicted.square().sum(1) + reference.square().sum(1) + params.margin)

    return loss

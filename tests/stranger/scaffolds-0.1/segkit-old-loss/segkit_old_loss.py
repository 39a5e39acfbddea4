"""One minus the soft overlap of all classes together."""

from dataclasses import dataclass

import segkit


@dataclass(frozen=True)
class Params:
    """What can be set with `--set loss.old-loss.PARAM=VALUE`."""

    # Replace by the params of your loss.
    smooth: float = segkit.param(1.0, "Added to numerator and denominator.", min=1e-6)


@segkit.hookimpl
def segkit_losses():
    """Declare the loss; torch is imported when it is built."""
    # Replace the summary by what it is, and add the paper it comes from as reference="...".
    summary = "One minus the soft overlap of all classes together."
    return [segkit.Loss(name="old-loss", factory="segkit_old_loss:build", params=Params, summary=summary)]


def build(task, params):
    """Return the loss: logits (N, K, *S) and mask (N, *S) to one value per sample (N,)."""
    import torch
    from torch.nn.functional import one_hot

    def loss(logits, mask):
        logits = logits.float()
        valid = mask != segkit.IGNORE
        if logits.shape[1] == 1:
            logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
        labels = one_hot(mask.where(valid, 0), logits.shape[1]).movedim(-1, 1)
        # Replace from here: probability, target and valid are (N, classes, *S), background left out.
        probability, target = logits.softmax(dim=1)[:, 1:], labels[:, 1:]
        valid = valid.unsqueeze(1)
        shared = (probability * target * valid).flatten(1).sum(dim=1)
        size = ((probability + target) * valid).flatten(1).sum(dim=1)
        return 1 - (2 * shared + params.smooth) / (size + params.smooth)

    return loss

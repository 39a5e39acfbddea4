"""Networks: weights in files, copies in workers, other memory formats and precisions."""

from __future__ import annotations

import copy

from segkit.testing.causes import told
from segkit.testing.check import check, fail
from segkit.testing.subjects import ArchitectureSubject
from segkit.testing.tensors import deviation, difference

CHANNELS_LAST = 1e-3
"""Largest difference as a share of the largest logit: other orders of summation only."""
BFLOAT16 = 0.1
"""Root mean square difference as a share of the logits' root mean square: 8 bits of mantissa, layer after layer."""


@check("arch", "safetensors", needs=["stateless"])
def safetensors(subject: ArchitectureSubject) -> None:
    """Weights saved as safetensors and loaded into a new network give equal logits."""
    from safetensors.torch import load, save

    from segkit.engine.sealed import portable

    weights = load(save(portable(subject.network.state_dict())))
    other = subject.build(seed=1)
    missing, extra = other.load_state_dict(weights, strict=False)
    if missing or extra:
        fail(f"keys differ: {[*missing, *extra][:5]}", "build the same modules whatever the seed")
    apart = difference(subject.reference, subject.logits(other, subject.images()))
    if apart > 0:
        fail(
            f"logits differ by {apart:.2g} of the largest",
            "keep every tensor that logits depend on as nn.Parameter or with register_buffer",
        )


@check("arch", "copies", needs=["deterministic"])
def copies(subject: ArchitectureSubject) -> None:
    """A deep copy, as the average of weights and the randomised twin are, gives equal logits."""
    try:
        twin = copy.deepcopy(subject.network)
    except Exception as error:
        fail(
            f"copy.deepcopy raised {told(error)}",
            "keep no open files, generators, or tensors with a graph on the network",
        )
    if difference(subject.reference, subject.logits(twin, subject.images())) > 0:
        fail("the copy gives other logits", "let the copy carry all that forward reads")


@check("arch", "channels-last", needs=["stateless"])
def channels_last(subject: ArchitectureSubject) -> None:
    """In the channels-last memory format logits agree with the default one within 0.001 of the largest."""
    import torch

    layout = torch.channels_last if subject.dims == 2 else torch.channels_last_3d
    model = subject.build()
    model.load_state_dict(subject.network.state_dict())
    model = model.to(memory_format=layout)
    found = subject.logits(model, subject.images().contiguous(memory_format=layout))
    apart = difference(subject.reference, found)
    if apart > CHANNELS_LAST:
        fail(f"they differ by {apart:.2g}", "use reshape and flatten in place of view and strides")


@check("arch", "bfloat16", needs=["deterministic"])
def bfloat16(subject: ArchitectureSubject) -> None:
    """Under bfloat16 autocast logits agree with float32 within 10 % (root mean square)."""
    import torch

    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = subject.logits(subject.network, subject.images())
    apart = deviation(subject.reference, found.float())
    if apart > BFLOAT16:
        fail(f"they differ by {100 * apart:.2g} %", "keep sums and differences of large numbers in float32")

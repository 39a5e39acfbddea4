"""What the claims say of other libraries, tried on the libraries where the stored vectors have no such case.

They hold no batch without any pixel of a class, where `keep`, `skip` and `zero` part ways: a claim that names the
wrong one agrees with all of them.
"""

import tomllib
from pathlib import Path

import pytest
import torch

from segkit import Task
from segkit.declarations import resolve
from segkit_losses import segkit_losses

CLAIMS = tomllib.loads(Path(__file__).with_name("reference_claims.toml").read_text())["claim"]
DECLARED = {loss.name: loss for loss in segkit_losses()}
CLASSES = 3


def smp(name, **options):
    """A loss of segmentation_models.pytorch in its form for one class or for several."""
    libraries = pytest.importorskip("segmentation_models_pytorch").losses
    return lambda logits, mask: getattr(libraries, name)(
        mode="binary" if logits.shape[1] == 1 else "multiclass", **options
    )(logits.float(), mask.unsqueeze(1) if logits.shape[1] == 1 and name != "LovaszLoss" else mask)


def monai(name, *, softmax=False, **options):
    """A loss of MONAI: sigmoid of one logit, softmax of several against one-hot masks."""
    losses = pytest.importorskip("monai.losses")
    form = {"softmax": True, "to_onehot_y": True} if softmax else {"sigmoid": True}
    return lambda logits, mask: getattr(losses, name)(**form, **options)(logits, mask.unsqueeze(1).double())


LIBRARY = {
    "smp/DiceLoss": lambda: smp("DiceLoss"),
    "smp/DiceLoss_smooth1": lambda: smp("DiceLoss", smooth=1.0),
    "smp/JaccardLoss": lambda: smp("JaccardLoss"),
    "smp/TverskyLoss_alpha0.3_beta0.7": lambda: smp("TverskyLoss", alpha=0.3, beta=0.7),
    "smp/LovaszLoss_per_image": lambda: smp("LovaszLoss", per_image=True),
    "smp/LovaszLoss_batch": lambda: smp("LovaszLoss", per_image=False),
    "monai/DiceLoss_sigmoid": lambda: monai("DiceLoss"),
    "monai/DiceLoss_sigmoid_batch": lambda: monai("DiceLoss", batch=True),
    "monai/DiceLoss_sigmoid_squared": lambda: monai("DiceLoss", squared_pred=True),
    "monai/DiceLoss_softmax_nobg": lambda: monai("DiceLoss", softmax=True, include_background=False),
    "monai/DiceLoss_softmax_bg": lambda: monai("DiceLoss", softmax=True),
    "monai/DiceLoss_softmax_nobg_batch": lambda: monai("DiceLoss", softmax=True, include_background=False, batch=True),
    "monai/GeneralizedDiceLoss_sigmoid": lambda: monai("GeneralizedDiceLoss"),
    "monai/GeneralizedDiceLoss_softmax": lambda: monai("GeneralizedDiceLoss", softmax=True),
}


def forms():
    """Every claim of a name above, with the number of logits that its cases have."""
    for name in LIBRARY:
        for claim in CLAIMS:
            if name in claim["names"]:
                modes = {case.partition("2d")[0].partition("3d")[0] for case in claim.get("cases", ())}
                binary = "bin" in modes or ("sigmoid" in name and not modes) or (not modes and "smooth1" in name)
                yield pytest.param(name, claim["terms"], 1 if binary else CLASSES + 1, id=f"{name}-{binary}")


def batches(channels):
    """Masks of a batch by what is special of them, for so many logits."""
    draw = torch.Generator().manual_seed(0)
    masks = torch.randint(0, channels if channels > 1 else 2, (2, 8, 10), generator=draw)
    yield "random", masks
    yield "no foreground in the batch", torch.zeros_like(masks)
    yield "no foreground in one image", masks * torch.tensor([1, 0]).reshape(2, 1, 1)
    yield "a class is absent", masks * (masks != channels - 1) if channels > 1 else masks
    yield "nothing but foreground", torch.ones_like(masks)


@pytest.mark.parametrize(("name", "terms", "channels"), list(forms()))
def test_a_claim_holds_where_classes_are_absent(name, terms, channels):
    """The library and the settings that the docs name give one value on batches that lack a class, or all of them."""
    library = LIBRARY[name]()
    logits = torch.randn(2, channels, 8, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2
    task = Task(3, ("a",) if channels == 1 else tuple("abc"))
    for described, mask in batches(channels):
        ours = sum(
            resolve(DECLARED[term["loss"]].factory, "loss")(
                task, DECLARED[term["loss"]].params(**term.get("params", {}))
            )(logits, mask).mean()
            for term in terms
        )
        assert ours.item() == pytest.approx(library(logits, mask).item(), rel=2e-5, abs=2e-5), described

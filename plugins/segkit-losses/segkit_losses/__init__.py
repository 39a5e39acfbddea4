"""Losses: cross entropy, focal, Dice, Tversky and Lovász, per sample or over the batch."""

from __future__ import annotations

__version__ = "0.1.0"

from segkit import Loss, hookimpl

MILLETARI = (
    "Milletari, Navab, Ahmadi: V-Net: Fully Convolutional Neural Networks for Volumetric Medical Image Segmentation. "
    "3DV 2016, https://arxiv.org/abs/1606.04797"
)
SUDRE = (
    "Sudre et al.: Generalised Dice Overlap as a Deep Learning Loss Function for Highly Unbalanced Segmentations. "
    "DLMIA 2017, https://arxiv.org/abs/1707.03237"
)
LIN = "Lin et al.: Focal Loss for Dense Object Detection. ICCV 2017, https://arxiv.org/abs/1708.02002"
SALEHI = (
    "Salehi, Erdogmus, Gholipour: Tversky Loss Function for Image Segmentation Using 3D Fully Convolutional Deep "
    "Networks. MLMI 2017, https://arxiv.org/abs/1706.05721"
)
ABRAHAM = (
    "Abraham, Khan: A Novel Focal Tversky Loss Function With Improved Attention U-Net for Lesion Segmentation. "
    "ISBI 2019, https://arxiv.org/abs/1810.07842"
)
BERMAN = (
    "Berman, Triki, Blaschko: The Lovász-Softmax Loss: A Tractable Surrogate for the Optimization of the "
    "Intersection-Over-Union Measure in Neural Networks. CVPR 2018, https://arxiv.org/abs/1705.08790"
)

KERVADEC = (
    "Kervadec et al.: Boundary loss for highly unbalanced segmentation. MIDL 2019, https://arxiv.org/abs/1812.07032"
)


@hookimpl
def segkit_losses() -> list[Loss]:
    """Return the losses."""
    return [
        Loss(
            name="bce",
            factory="segkit_losses.bce:build",
            summary="Binary cross entropy of each logit on its own: with several classes, one against the rest.",
            params="segkit_losses.params:BceParams",
            overlapping=True,
            soft=True,
        ),
        Loss(
            name="ce",
            factory="segkit_losses.ce:build",
            summary="Cross entropy of the softmax over background and classes.",
            params="segkit_losses.params:CeParams",
            overlapping=True,
            soft=True,
        ),
        Loss(
            name="focal",
            factory="segkit_losses.focal:build",
            summary="Cross entropy that pixels lose weight in as they become right.",
            params="segkit_losses.params:FocalParams",
            overlapping=True,
            reference=LIN,
        ),
        Loss(
            name="dice",
            factory="segkit_losses.dice:build",
            summary="One minus the soft Dice coefficient per class and sample.",
            params="segkit_losses.params:DiceParams",
            overlapping=True,
            soft=True,
            reference=MILLETARI,
        ),
        Loss(
            name="generalized-dice",
            factory="segkit_losses.generalized_dice:build",
            summary="One minus a single soft Dice coefficient of all classes, each weighted by its size.",
            params="segkit_losses.params:GeneralizedDiceParams",
            overlapping=True,
            soft=True,
            reference=SUDRE,
        ),
        Loss(
            name="tversky",
            factory="segkit_losses.tversky:build",
            summary="The Dice loss with weights of its own for false positives and false negatives.",
            params="segkit_losses.params:TverskyParams",
            overlapping=True,
            soft=True,
            reference=SALEHI,
        ),
        Loss(
            name="focal-tversky",
            factory="segkit_losses.tversky:build_focal",
            summary="A power of each class's Tversky loss.",
            params="segkit_losses.params:FocalTverskyParams",
            overlapping=True,
            soft=True,
            reference=ABRAHAM,
        ),
        Loss(
            name="lovasz",
            factory="segkit_losses.lovasz:build",
            summary="The Lovász extension of the Jaccard loss: hinge for one class, softmax for several.",
            params="segkit_losses.params:LovaszParams",
            overlapping=True,
            reference=BERMAN,
        ),
        Loss(
            name="boundary",
            factory="segkit_losses.boundary:build",
            overlapping=True,
            summary="The softmax times the signed distance to the reference's boundary; beside a loss of regions.",
            params="segkit_losses.params:Boundary",
            reference=KERVADEC,
            asks=("map", "epoch"),
            case_map="segkit_losses.boundary:signed_distances",
        ),
        Loss(
            name="batch-dice",
            factory="segkit_losses.batch:build_dice",
            summary="The Dice loss of the whole batch as one sample.",
            params="segkit_losses.params:DiceParams",
            overlapping=True,
            soft=True,
            reference=MILLETARI,
            scope="batch",
        ),
        Loss(
            name="batch-tversky",
            factory="segkit_losses.batch:build_tversky",
            summary="The Tversky loss of the whole batch as one sample.",
            params="segkit_losses.params:TverskyParams",
            overlapping=True,
            soft=True,
            reference=SALEHI,
            scope="batch",
        ),
        Loss(
            name="batch-focal-tversky",
            factory="segkit_losses.batch:build_focal_tversky",
            summary="The focal Tversky loss of the whole batch as one sample.",
            params="segkit_losses.params:FocalTverskyParams",
            overlapping=True,
            soft=True,
            reference=ABRAHAM,
            scope="batch",
        ),
        Loss(
            name="batch-lovasz",
            factory="segkit_losses.batch:build_lovasz",
            summary="The Lovász loss of the whole batch as one sample.",
            params="segkit_losses.params:LovaszParams",
            overlapping=True,
            reference=BERMAN,
            scope="batch",
        ),
    ]

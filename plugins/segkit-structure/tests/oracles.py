"""Write oracles.json: what other libraries answer on the pairs of conftest.py. Not run by the tests.

    python -m venv oracles && oracles/bin/pip install panoptica==2.1.7 gudhi==3.13.0 monai==1.6.1 scikit-image pytest
    git clone https://github.com/PatrickChrist/lits-challenge-scoring        (commit 090307d)
    oracles/bin/python plugins/segkit-structure/tests/oracles.py lits-challenge-scoring

An environment of its own: together with other oracles panoptica pulls numpy back. Of the LiTS scorer two lines are
mended: it compares the prediction's numbers where the array holds the mask's (`d == p_id`), and takes the number of
joined lesions from the detected ones where a join was not detected. What it answers as published is stored beside it.
"""

import json
import re
import sys
import types
from pathlib import Path

import gudhi
import numpy as np
import panoptica
import torch
from monai.metrics.panoptic_quality import compute_panoptic_quality
from panoptica import ConnectedComponentsInstanceApproximator, InputType, Metric, NaiveThresholdMatching
from panoptica.instance_matcher import MaxBipartiteMatching
from panoptica.metrics.cldice import _compute_centerline_dice_coefficient as cldice
from scipy import ndimage

from conftest import draw_pair

PAIRS = 300
MENDED = (("logical_or(d==p_id, m==g_id)", "logical_or(d==g_id, m==g_id)"), ("-= g_merge_count[g_id]", "-= 1"))


def evaluator(matcher):
    """A panoptica evaluator of semantic maps."""
    return panoptica.Panoptica_Evaluator(
        expected_input=InputType.SEMANTIC,
        instance_approximator=ConnectedComponentsInstanceApproximator(),
        instance_matcher=matcher,
        instance_metrics=[Metric.IOU],
        global_metrics=[],
    )


def instances(found, predicted, reference):
    """Numbers of instances, RQ and PQ."""
    result = found.evaluate(predicted.astype(np.uint8), reference.astype(np.uint8), verbose=False)["ungrouped"]
    return {
        "predicted": int(result.n_pred_instances),
        "reference": int(result.n_ref_instances),
        "rq": float(result.rq),
        "pq": float(result.pq),
    }


def monai_quality(predicted, reference):
    """MONAI's PQ: IoU above 0.5, lesions told apart with full connectivity."""
    sides = [ndimage.label(side, np.ones((3,) * side.ndim))[0] for side in (predicted, reference)]
    stack = [torch.from_numpy(side.astype(np.int64)) for side in sides]
    return float(compute_panoptic_quality(stack[0], stack[1], metric_name="pq", match_iou_threshold=0.5))


def betti(side, full):
    """gudhi's Betti numbers: voxels as closed cubes, or as corners that hang together by edges."""
    values = np.where(np.pad(side, 1), 0.0, 1.0)
    kind = {"top_dimensional_cells": values} if full else {"vertices": values}
    complex_ = gudhi.CubicalComplex(**kind)
    complex_.persistence(homology_coeff_field=2, min_persistence=-1)
    return [*complex_.persistent_betti_numbers(0.0, 0.5), 0, 0, 0][:3]


def lits(folder, mended):
    """The scorer's function that matches lesions, its numpy spelling brought up to date."""
    text = (Path(folder) / "program/helpers/calc_metric.py").read_text()
    for old, new in MENDED if mended else ():
        assert old in text, old
        text = text.replace(old, new)
    text = re.sub(r"from medpy import metric|from .surface import Surface", "", text)
    text = text.replace("dtype=np.bool)", "dtype=bool)").replace("x[sum_slices]", "x[tuple(sum_slices)]")
    text = text.replace("mask[mask_slices]", "mask[tuple(mask_slices)]")
    text = text.replace("x_ret[replace_slices]", "x_ret[tuple(replace_slices)]")
    module = types.ModuleType("lits")
    exec(text, module.__dict__)
    return module.detect_lesions


def detected(detect, predicted, reference):
    """How many lesions LiTS says are detected, of IoU above 0.5; its function fails where there is no overlap."""
    sides = [ndimage.label(side)[0].astype(np.int16) for side in (predicted, reference)]
    return int(detect(*sides, 0.5)[2]) if (predicted & reference).any() else 0


def main(folder):
    """Ask every library about every pair."""
    naive, best = NaiveThresholdMatching(), MaxBipartiteMatching(matching_metric=Metric.DSC, matching_threshold=1e-6)
    evaluators = {"panoptica": evaluator(naive), "brats": evaluator(best)}
    scorers = {"lits": lits(folder, True), "lits_published": lits(folder, False)}
    rows = []
    for seed in range(PAIRS):
        predicted, reference = draw_pair(seed)
        row = {name: instances(found, predicted, reference) for name, found in evaluators.items()}
        row["monai_pq"] = monai_quality(predicted, reference)
        row["cldice"] = float(cldice(reference, predicted))
        for name, full in (("full", True), ("faces", False)):
            row[f"betti_{name}"] = [betti(side, full) for side in (predicted, reference)]
        row |= {name: detected(detect, predicted, reference) for name, detect in scorers.items()}
        rows.append(row)
    versions = {"panoptica": "2.1.7", "gudhi": gudhi.__version__, "monai": "1.6.1", "lits": "090307d"}
    lines = ",\n".join(json.dumps(row) for row in rows)
    Path(__file__).with_name("oracles.json").write_text(
        f'{{"versions": {json.dumps(versions)},\n"pairs": [\n{lines}\n]}}\n'
    )


if __name__ == "__main__":
    main(sys.argv[1])

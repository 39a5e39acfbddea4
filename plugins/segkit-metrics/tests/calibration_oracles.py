"""Write calibration_oracles.json: what other libraries answer on the cases of conftest.py. Not run by the tests.

    python -m venv oracles && oracles/bin/pip install netcal==1.4.0 fiducio==0.2.0 torchmetrics==1.9.0 pytest
    oracles/bin/python plugins/segkit-metrics/tests/calibration_oracles.py

An environment of its own: netcal pulls numpy back.
"""

import json
from pathlib import Path

import fiducio
import netcal.metrics
import numpy as np
import sklearn.metrics
import torch
from torchmetrics.functional.classification import binary_calibration_error, multiclass_calibration_error

from conftest import draw_probabilities

CASES = 60
NETCAL = {"ece": netcal.metrics.ECE, "ace": netcal.metrics.ACE, "mce": netcal.metrics.MCE}


def answers(probabilities, mask, bins):
    """Ask every library about one case: over all labels, and of the last label against the rest."""
    labels = len(probabilities)
    flat, truth = probabilities.reshape(labels, -1).T.astype(np.float64), mask.reshape(-1).astype(np.int64)
    tensor, target = torch.from_numpy(flat.astype(np.float32)), torch.from_numpy(truth)
    batch, batch_truth = torch.from_numpy(flat.T.copy())[None], target[None]
    last, is_last = flat[:, -1], (truth == labels - 1).astype(np.int64)
    confidence, right = flat.max(axis=1), (flat.argmax(axis=1) == truth).astype(np.int64)
    row = {f"netcal_{name}": float(made(bins).measure(confidence, right)) for name, made in NETCAL.items()}
    row |= {f"netcal_class_{name}": float(made(bins).measure(last, is_last)) for name, made in NETCAL.items()}
    row["fiducio_ece"] = fiducio.expected_calibration_error(batch, batch_truth, n_bins=bins)
    row["fiducio_ace"] = fiducio.unweighted_calibration_error(batch, batch_truth, n_bins=bins)
    row["fiducio_brier"] = fiducio.brier_score(batch, batch_truth)
    row["fiducio_nll"] = fiducio.negative_log_likelihood(batch, batch_truth)
    for name, norm in (("ece", "l1"), ("mce", "max")):
        found = multiclass_calibration_error(tensor, target, labels, n_bins=bins, norm=norm)
        row[f"torchmetrics_{name}"] = float(found)
        found = binary_calibration_error(tensor[:, -1], torch.from_numpy(is_last), n_bins=bins, norm=norm)
        row[f"torchmetrics_class_{name}"] = float(found)
    row["sklearn_class_brier"] = float(sklearn.metrics.brier_score_loss(is_last, last))
    row["sklearn_class_nll"] = float(sklearn.metrics.log_loss(is_last, np.stack([1 - last, last], axis=1)))
    return row


def main():
    """Ask about every case."""
    rows = []
    for seed in range(CASES):
        bins = (15, 10, 20)[seed % 3]
        rows.append({"bins": bins, **answers(*draw_probabilities(seed), bins)})
    lines = ",\n".join(json.dumps(row) for row in rows)
    versions = {"netcal": "1.4.0", "fiducio": "0.2.0", "torchmetrics": "1.9.0", "sklearn": sklearn.__version__}
    text = f'{{"versions": {json.dumps(versions)},\n"cases": [\n{lines}\n]}}\n'
    Path(__file__).with_name("calibration_oracles.json").write_text(text)


if __name__ == "__main__":
    main()

"""Write calibration_oracles.json: thresholds of MAPIE, temperatures of fiducio. Not run by the tests.

    python -m venv oracles && oracles/bin/pip install MAPIE==1.6.0 fiducio==0.2.0
    oracles/bin/python tests/statistics/calibration_oracles.py

An environment of its own: MAPIE pulls numpy back.
"""

import json
from pathlib import Path

import fiducio
import numpy as np
import torch
from calibration_cases import draw_risk, draw_scores
from mapie.risk_control import SemanticSegmentationController

LEVELS = (0.05, 0.1, 0.2)
THRESHOLDS = np.arange(1001) / 1000


def thresholds(seed):
    """Ask MAPIE for the threshold at each level."""
    probabilities, masks = draw_risk(seed)
    found = []
    for level in LEVELS:
        controller = SemanticSegmentationController(
            predict_function=lambda x: x, risk="recall", method="crc", target_level=1 - level, predict_params=THRESHOLDS
        )
        controller.calibrate(probabilities[:, None], masks[:, None])
        found.append(float(np.ravel(controller.best_predict_param)[0]))
    return found


def temperature(seed):
    """Ask fiducio for the temperature of some logits."""
    scores, labels = draw_scores(seed)
    logits, truth = torch.from_numpy(scores.T.copy())[None], torch.from_numpy(labels)[None]
    return float(fiducio.TemperatureScaling().fit(logits, truth).temperature)


def main():
    """Ask about every case."""
    answer = {"thresholds": [thresholds(seed) for seed in range(8)], "temperatures": [temperature(s) for s in range(6)]}
    Path(__file__).with_name("calibration_oracles.json").write_text(json.dumps(answer, indent=1) + "\n")


if __name__ == "__main__":
    main()

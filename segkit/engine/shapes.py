"""What a checkpoint's header, and what a summary shares with it, is to look like; whatever else is sent is refused.

Ranges are far beyond what anybody trains with, and within what a machine can hold (issue 19).
"""

from __future__ import annotations

from segkit.files import Either, Limited

NAME = Limited(str, 0, 1000)
TEXT = Limited(str, 0, 100_000)
COUNT = Limited(int, 0)
NUMBER = Either(None, float)
"""None where undefined."""
COMPONENT = {"kind": NAME, "name": NAME, "version": NAME}
TASK = {
    "classes": Limited([Limited(str, 1, 1000)], 1, 65_535),
    "in_channels": Limited(int, 1, 65_535),
    "spatial_dims": Limited(int, 2, 3),
    "overlapping?": bool,
}
SCORE_ROW = {
    "metric": NAME,
    "name": NAME,
    "class": NAME,
    "aggregation?": NAME,
    "unit?": NAME,
    "mean": NUMBER,
    "median": NUMBER,
    "std?": NUMBER,
    "ci_low": NUMBER,
    "ci_high": NUMBER,
    "ci_method?": NAME,
    "note?": TEXT,
    **dict.fromkeys(("n", "n_cases", "n_empty", "n_missed", "n_spurious"), COUNT),
    "n_unannotated?": COUNT,
}
LENGTH = Limited(float, 0.001, 1000)
"""Of a voxel's side, in mm."""
ROW = Limited([float], 0, 65_535)
PREPROCESSING = {
    "mode?": NAME,
    "size": Limited([Limited(int, 1, 65_536)], 2, 3),
    "normalization": {"kind": NAME, "name?": NAME, "mean": ROW, "std": ROW, "low?": ROW, "high?": ROW},
    "spacing?": Either(None, Limited([LENGTH], 3, 3)),
    "slab?": Limited(int, 1, 999),
    "overlap?": Limited(float, 0, 0.95),
    "mirror?": bool,
    "mirrored?": Limited([NAME], 0, 3),
    "turn?": bool,
    "window?": Limited([Limited(int, 1, 65_536)], 2, 3),
}
EXPECTED = "expected_dice"
"""The column of tables of cases that says what Dice each can expect, of a calibrated model."""
OF_DATASET = "dataset"
"""The column of cases.csv that says which of several datasets each case is of."""
RANKING = {
    **dict.fromkeys(("aurc", "best", "random", "gained", "spearman"), NUMBER),
    **dict.fromkeys(("aurc_interval", "gained_interval", "spearman_interval"), Limited([NUMBER], 2, 2)),
    "n": COUNT,
    "split": NAME,
    "fitted_here?": bool,
}
ESTIMATE = {
    "score": NAME,
    "slope": float,
    "agreement_slope?": float,
    "intercept": float,
    "by?": NAME,
    "members?": Either(None, NAME),
    "mirror?": bool,
    "turn?": bool,
    "tried?": {str: NUMBER},
    "cases": COUNT,
    "ranking": RANKING,
}
"""From what a case says of itself to its Dice: of which of its signs, which were tried, what it is worth."""
CALIBRATION = {
    "classes": TASK["classes"],
    "method?": NAME,
    "scale?": ROW,
    "shift?": ROW,
    "fitted_on?": NAME,
    "cases?": COUNT,
    "shown_on?": NAME,
    "risk?": Either(
        None,
        {
            "kind": NAME,
            "level": Limited(float, 0, 1),
            "threshold": Limited(float, 0, 1),
            "cases": COUNT,
            "split": NAME,
            "selected_on": Either(None, bool),
            "assumes": TEXT,
        },
    ),
    "expected?": Either(None, ESTIMATE),
    "together?": Either(None, {**ESTIMATE, "models": [NAME]}),
}
LIKENESS = {
    "columns": Limited([NAME], 1, 100_000),
    "rows": Limited([Limited([NUMBER], 1, 100_000)], 0, 500),
    "patients": COUNT,
}
HEADER = {
    "calibration?": Either(None, CALIBRATION),
    "components": [{**COMPONENT, "params": dict}],
    "task": TASK,
    "preprocessing": PREPROCESSING,
    "loss?": Either(None, NAME),
    "postprocess?": dict,
    "training?": dict,
    "weights?": Either(None, NAME),
    "averaged?": COUNT,
    "trained_on?": [NAME],
    "likeness?": Either(None, LIKENESS),
    "started_from?": Either(None, {"source": NAME, "digest": NAME}),
    "scores?": {"split?": NAME, "rows?": [SCORE_ROW]},
    "data?": {str: NAME},
    "generated_sample?": bool,
    "segkit?": NAME,
}

"""What each file of a run directory is to look like: whoever made the directory, it is read as this or refused."""

from __future__ import annotations

from segkit.engine.shapes import CALIBRATION, COUNT, NAME, NUMBER, RANKING, SCORE_ROW, TASK, TEXT
from segkit.files import Either, Limited

SECONDS = Limited(float, 0, 1e12)
MAYBE = Either(None, NAME)
COUNTED = {str: COUNT}
WHAT_IT_IS = {"kind": NAME, "name": NAME, "version?": NAME}
STARTED = {
    "source": NAME,
    "digest": NAME,
    "arch": MAYBE,
    "classes": Either(None, [NAME]),
    "prefix_off": NAME,
    "prefix_on": NAME,
    **dict.fromkeys(("loaded", "adapted", "new", "left_over"), COUNT),
    "tensors": [{"name": NAME, "how": NAME, "shape": [COUNT], "source": NAME, "note": TEXT}],
    "left_over_names": [NAME],
}
START_FILE = Either(None, {**STARTED, "trained_on": [NAME]})
GROUP = {"group": NAME, "n": COUNT, "small": bool, "infinite": COUNT, "note": TEXT}
GAP = {"first": NAME, "second": NAME, "p_holm": Limited(float, 0, 1), "pairs?": COUNT}
GROUPS = {
    "file": NAME,
    "metric": NAME,
    "columns": {
        str: {
            "groups": [{**GROUP, **dict.fromkeys(("mean", "ci_low", "ci_high"), NUMBER)}],
            "gaps": [{**GAP, **dict.fromkeys(("difference", "low", "high"), NUMBER)}],
        }
    },
}
SHARES = Limited([Limited(float, 0, 1)], 1, 15)
RELIABILITY = {
    "metric": Limited(str, 1, 200),
    "rows": Limited([{"of": NAME, "pixels": Limited([COUNT], 1, 15), "confidence": SHARES, "right": SHARES}], 1),
}
SHIFT = {
    **dict.fromkeys(("patients", "trained"), COUNT),
    "level": Limited(float, 0, 1),
    "enough": bool,
    "far_out": [
        {
            "what": NAME,
            "distance": NUMBER,
            "p": Limited(float, 0, 1),
            **dict.fromkeys(("trained", "scored"), Limited([float], 3, 3)),
        }
    ],
}
SUMMARY = {
    "name": NAME,
    "task": {
        **{f"{key.rstrip('?')}?": shape for key, shape in TASK.items() if key != "classes"},
        "classes": TASK["classes"],
    },
    "scores": [SCORE_ROW],
    "datasets?": {str: [SCORE_ROW]},
    "readers?": {"metric": NAME, "cases": COUNT, "against": {str: [SCORE_ROW]}, "agreement": [SCORE_ROW]},
    "main_metric": NAME,
    "higher_is_better?": {str: bool},
    "targets?": {str: float},
    "components?": [WHAT_IT_IS],
    "dataset?": {"name?": NAME, "summary?": TEXT, "homepage?": NAME},
    "split?": NAME,
    "split_note?": TEXT,
    "weights?": MAYBE,
    "mode?": MAYBE,
    "segkit?": NAME,
    "notice?": TEXT,
    "references?": MAYBE,
    "generated_sample?": bool,
    "mirror?": bool,
    "turn?": bool,
    "finished?": bool,
    "cases?": COUNTED,
    "parameters?": Either(None, COUNT),
    "working_size?": [COUNT],
    "peak_memory?": Either(None, {str: Either(None, COUNT)}),
    "seconds?": {str: SECONDS},
    "postprocess?": dict,
    "leaks?": Either(None, dict),
    "shift?": Either(None, SHIFT),
    "calibration?": Either(None, CALIBRATION),
    "expected_ranking?": RANKING,
    "groups?": Either(None, GROUPS),
    "reliability?": Either(None, [RELIABILITY]),
    "parameter_groups?": [
        {
            "parameters": COUNT,
            "learning_rate": float,
            "weight_decay": float,
            "frozen": bool,
            "released_after": Either(None, COUNT),
        }
    ],
    "started_from?": Either(None, STARTED),
}
ENVIRONMENT = {
    **{f"{name}?": MAYBE for name in ("segkit", "python", "torch", "platform", "device", "device_name", "autocast")},
    "threads?": Either(None, Limited(int, 1, 65_536)),
    "processes?": Either(None, Limited(int, 1, 1_000_000)),
    "components?": [WHAT_IT_IS],
}
EPOCH = {
    "epoch": Limited(int, 0, 10**9),
    "loss?": NUMBER,
    "learning_rate?": NUMBER,
    "seconds?": Either(None, SECONDS),
    "terms?": Either(None, {str: NUMBER}),
    "val?": Either(None, {str: NUMBER}),
    "val_cases?": Either(None, {"scored": COUNT, "of": COUNT}),
    "val_counts?": {str: {"failed": COUNT, "n": COUNT}},
}
PROFILE = {"parts": {str: {"seconds": SECONDS, "share": Limited(float, 0, 1.001)}}}
AGREEMENT = Either(None, {"auroc?": NUMBER, "energy?": NUMBER, "pointing?": NUMBER})
STAGE = {"random": NAME, "absolute?": NUMBER, "by_seed": [NUMBER]}
ERRORS = {
    "auroc?": NUMBER,
    "spearman?": NUMBER,
    "wrong": COUNT,
    "of": COUNT,
    "mean_wrong?": NUMBER,
    "mean_right?": NUMBER,
}
EXPLAINED_MAP = {
    "explainer": NAME,
    "map?": NAME,
    "target": NAME,
    "layer": MAYBE,
    "status": NAME,
    "notes?": {str: TEXT},
    "evidence": {
        "reference?": AGREEMENT,
        "prediction?": AGREEMENT,
        "curves?": Either(None, {"deletion_area?": NUMBER, "insertion_area?": NUMBER}),
        "randomisation?": Either(None, {"decoder?": NUMBER, "everything?": NUMBER, "stages?": [STAGE]}),
        "verdict?": NAME,
        "errors?": Either(None, ERRORS),
        "words?": [TEXT],
    },
}
EXPLAINED = {
    "explained": [
        {
            "case": NAME,
            "label": NAME,
            "score": NUMBER,
            "infinite?": Limited(int, -1, 1),
            "score_name": NAME,
            "panel": Limited(str, 1, 1000),
            "pictures?": [{"file": Limited(str, 1, 1000), "title": TEXT, "map": Either(None, COUNT)}],
            "maps": [EXPLAINED_MAP],
        }
    ]
}
COMPARISON = {
    "name": NAME,
    "models": Limited([{"label": NAME, "runs": Limited([Limited(str, 1, 1000)], 1)}], 1),
}
CONFIG = {"origins?": [{"kind": NAME, "source": TEXT, "values": dict}]}
"""Of config.toml what is read without its components; `segkit.config` checks the rest."""
CONFIG_GLANCE = {
    "run?": {"name?": NAME},
    "data?": {"root?": str},
    "train?": {"epochs?": COUNT},
    "components?": {"arch?": NAME, "data?": NAME, "loss?": NAME},
}
"""Of config.toml what a list of runs shows; all of it is checked where it is used."""

"""The losses against values and gradients that torch, MONAI, segmentation_models.pytorch and plain formulas gave."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from segkit import Task
from segkit.declarations import resolve
from segkit_losses import segkit_losses

FOLDER = Path(__file__).parents[4] / "shared" / "reference"
CLAIMS = tomllib.loads(Path(__file__).with_name("reference_claims.toml").read_text())
DECLARED = {loss.name: loss for loss in segkit_losses()}

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="../shared/reference is not here")


def read_cases():
    """The results by case and name, without the arrays; empty where the reference is not here."""
    return json.loads((FOLDER / "loss_vectors.json").read_text())["cases"] if FOLDER.is_dir() else {}


CASES = read_cases()


def pairs(entry):
    """The (case, name) of the reference that an entry of the claims speaks of."""
    listed = entry.get("cases", CASES)
    return [(case, name) for name in entry["names"] for case in listed if name in CASES[case]["results"]]


CLAIMED = [(*pair, claim) for claim in CLAIMS["claim"] for pair in pairs(claim)]
EXCLUDED = [pair for entry in CLAIMS["excluded"] for pair in pairs(entry)]


def evaluate(term, logits, mask):
    """One term per sample (N,), or a scalar over the batch."""
    loss, channels = DECLARED[term["loss"]], logits.shape[1]
    task = Task(3, ("a",) if channels == 1 else tuple("abcd"[: channels - 1]), mask.ndim - 1)
    params = {
        name: tuple(value) if isinstance(value, list) else value for name, value in term.get("params", {}).items()
    }
    return term.get("factor", 1.0) * resolve(loss.factory, loss.name)(task, loss.params(**params))(logits, mask)


def reduce(claim, values, logits, mask):
    """The scalar that the library returns, from values per sample."""
    how = claim.get("reduction", "mean")
    weights = torch.ones(logits.shape[1] + 1, dtype=torch.float64)
    if how == "weighted-pixel-mean":
        weights = torch.tensor(claim["terms"][0]["params"]["class_weights"], dtype=torch.float64)
    valid = mask != 255
    per_sample = (weights[mask * valid] * valid).flatten(1).sum(dim=1)
    if how == "pixel-sum":
        return (values * per_sample).sum()
    if how in ("pixel-mean", "weighted-pixel-mean"):
        return (values * per_sample).sum() / per_sample.sum()
    if how == "mean-over-logits":
        return values.mean() / logits.shape[1]
    assert how == "mean"
    return values.mean()


@pytest.fixture(scope="module")
def arrays():
    """Logits, targets and gradients."""
    with np.load(FOLDER / "loss_vectors.npz") as opened:
        return dict(opened)


def test_every_result_is_claimed_or_excluded_with_a_reason():
    """Once each, and at most 15 % are excluded."""
    everything = [(case, name) for case, described in CASES.items() for name in described["results"]]
    spoken_of = [(case, name) for case, name, _ in CLAIMED] + EXCLUDED
    assert sorted(spoken_of) == sorted(everything)
    assert len(EXCLUDED) <= 0.15 * len(everything)
    assert all(entry["reason"] for entry in CLAIMS["excluded"])


@pytest.mark.parametrize(("case", "name", "claim"), CLAIMED, ids=[f"{case}-{name}" for case, name, _ in CLAIMED])
def test_value_and_gradient(arrays, case, name, claim):
    """Both agree to 1e-9 in float64, or to 1e-5 where the producer computed in float32."""
    logits = torch.from_numpy(arrays[f"{case}__logits"]).requires_grad_()
    mask = torch.from_numpy(arrays[f"{case}__target"]).long()
    mask = mask[:, 0] if mask.ndim == logits.ndim else mask
    value = reduce(claim, sum(evaluate(term, logits, mask) for term in claim["terms"]), logits, mask)
    value.backward()
    tolerance = claim.get("tolerance", 1e-9)
    assert value.item() == pytest.approx(CASES[case]["results"][name]["value"], rel=tolerance, abs=tolerance)
    if case in claim.get("not_unique", ()):
        return
    gradient = torch.from_numpy(arrays[f"{case}__grad__{name.replace('/', '__')}"]).to(logits.dtype)
    torch.testing.assert_close(logits.grad, gradient, rtol=tolerance, atol=tolerance)

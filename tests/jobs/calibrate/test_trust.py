"""Which of a case's signs tells its Dice, chosen on validation cases alone."""

import numpy as np
import pytest

from segkit.jobs.calibrate.trust import MODELS, Signs, choose, estimate_record


def cases(tells, number=40, seed=0):
    """Cases whose Dice one of the signs tells, or both by half."""
    draw = np.random.default_rng(seed)
    soft, agreed, noise = draw.random((3, number))
    dice = {"probabilities": soft, "agreement": agreed, "both": (soft + agreed) / 2}[tells] * 0.8 + 0.02 * noise
    return [Signs(None, *row) for row in zip(soft, agreed, dice, strict=True)]


@pytest.mark.parametrize("tells", ["probabilities", "agreement", "both"])
def test_the_sign_that_tells_is_chosen(tells):
    """By what it misses of left-out cases; the line is at the Dice of new ones."""
    found = choose(cases(tells))
    assert found.tried[found.by] == min(found.tried.values())
    assert found.by in (tells, "both")
    new = cases(tells, seed=1)
    np.testing.assert_allclose([found.at(case) for case in new], [case.dice for case in new], atol=0.03)


def test_without_members_there_is_nothing_to_choose():
    """A model that looks at one copy has its probabilities."""
    alone = [Signs(case.group, case.soft, None, case.dice) for case in cases("probabilities")]
    found = choose(alone)
    assert (found.by, list(found.tried), found.line.agreement) == ("probabilities", ["probabilities"], 0)
    assert estimate_record(alone, [(alone, alone)], "test", MODELS)["members"] is None


def test_shown_cases_move_neither_choice_nor_line():
    """Only what is said of the order."""
    fitted = cases("agreement")
    shown, other = cases("agreement", seed=1), cases("probabilities", seed=2)
    one, two = (estimate_record(fitted, [(fitted, part)], "test", MODELS) for part in (shown, other))
    assert {name: one[name] for name in one if name != "ranking"} == {
        name: two[name] for name in two if name != "ranking"
    }
    assert one["by"] in ("agreement", "both")
    assert one["ranking"]["gained"] > 0.95
    assert two["ranking"]["gained"] < 0.5


def test_cases_that_are_empty_in_both_are_not_fitted_to():
    """They have no Dice."""
    more = [*cases("both"), Signs(None, 0.0, 0.0, float("nan"))]
    assert choose(more) == choose(cases("both"))
    assert choose(more[-1:] + more[:2]) is None

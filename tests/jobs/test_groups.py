"""Groups of cases: their gaps against scipy, what is small or infinite, and tables that cannot be meant."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, wilcoxon

from segkit import SegkitError
from segkit.jobs.groups import column_record, read_groups
from segkit.statistics.subgroups import gaps, group_summaries


def table(sizes, means, seed=0):
    """Values (cases, 1) and group names."""
    draw = np.random.default_rng(seed)
    values = np.concatenate([draw.normal(mean, 0.05, size) for size, mean in zip(sizes, means, strict=True)])
    names = [name for size, name in zip(sizes, "abcdef", strict=False) for _ in range(size)]
    return values[:, None], names


def test_gaps_are_differences_of_means_with_the_mann_whitney_test():
    """Three groups, three gaps, Holm's correction."""
    values, names = table((20, 25, 30), (0.8, 0.7, 0.8))
    found = gaps(values, names, [None] * 75)
    assert [(gap.first, gap.second) for gap in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    first = found[0]
    assert first.difference == pytest.approx(values[:20].mean() - values[20:45].mean())
    assert first.p_value == pytest.approx(mannwhitneyu(values[:20, 0], values[20:45, 0]).pvalue)
    assert first.low < first.difference < first.high
    assert found[0].p_holm < 0.01
    assert found[1].p_holm > 0.05
    assert all(gap.p_holm >= gap.p_value for gap in found)


def test_small_groups_are_named_and_compared_with_none():
    """Nine cases have a mean, and no gap."""
    values, names = table((20, 9), (0.8, 0.3))
    assert gaps(values, names, [None] * 29) == []
    assert {name: count for name, (count, _) in group_summaries(values, names, [None] * 29).items()} == {
        "a": 20,
        "b": 9,
    }


def test_a_group_whose_cases_were_all_missed_is_told():
    """Infinite distances have no mean, and surely differ."""
    values, names = table((20, 12), (3.0, 3.0))
    values[20:] = np.inf
    (found,) = gaps(values, names, [None] * 32)
    assert found.difference is None
    assert found.p_holm < 0.001
    assert group_summaries(values, names, [None] * 32)["b"][1].infinite == 12


def test_patients_count_once():
    """Ten images of each of two patients are two units."""
    values, names = table((20, 20), (0.8, 0.5))
    alone = gaps(values, names, [None] * 40)[0]
    together = gaps(values, names, [f"p{place // 10}" for place in range(40)])[0]
    assert together.p_value > alone.p_value


def test_patients_in_both_groups_are_paired():
    """Two scanners for each patient: the gap is that within patients, however much these differ; scipy's test of it."""
    draw = np.random.default_rng(0)
    level = draw.uniform(0.3, 0.9, 14)
    values = np.concatenate([level, level - 0.02 + draw.normal(0, 0.005, 14)])[:, None]
    names, patients = ["a"] * 14 + ["b"] * 14, [f"p{number}" for number in range(14)] * 2
    (found,) = gaps(values, names, patients)
    assert found.pairs == 14
    apart = values[:14, 0] - values[14:, 0]
    assert found.difference == pytest.approx(apart.mean())
    assert found.p_value == pytest.approx(wilcoxon(apart).pvalue)
    assert 0 < found.low < found.difference < found.high
    (alone,) = gaps(values, names, [None] * 28)
    assert alone.pairs == 0
    assert alone.p_value > 0.3
    few = gaps(values, names, [*patients[:5], *(f"q{place}" for place in range(9)), *patients[:14]])[0]
    assert few.pairs == 0


def test_a_structure_missed_in_one_of_both_groups_counts_as_the_largest_difference():
    """Twelve pairs, all missed by one scanner: no mean, and surely apart; missed by both they are equal."""
    values = np.concatenate([np.full(12, 3.0), np.full(12, np.inf)])[:, None]
    patients = [f"p{number}" for number in range(12)] * 2
    (found,) = gaps(values, ["a"] * 12 + ["b"] * 12, patients)
    assert found.difference is None
    assert found.p_value < 0.01
    (same,) = gaps(np.full((24, 1), np.inf), ["a"] * 12 + ["b"] * 12, patients)
    assert same.difference == 0
    assert same.p_value == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,sex\na,f\nb,m\n", "no column case or id"),
        ("case,sex\na,f\n", "no row of case 'b'"),
        ("case,sex\na,f\nb,m\na,m\n", "case 'a' is there twice"),
        ("case,sex\na,f\nb,f\n", "no column of groups.csv makes groups .* sex 1"),
        ("case\na\nb\n", "makes groups"),
    ],
)
def test_tables_that_cannot_be_meant(tmp_path, text, words):
    """Missing and doubled ids, one value, no grouping: each is a sentence."""
    path = tmp_path / "groups.csv"
    path.write_text(text)
    with pytest.raises(SegkitError, match=words):
        read_groups(path, ["a", "b"])


def test_rows_are_taken_by_id_and_others_left(tmp_path):
    """In any order, with cases that are not scored; an empty cell is a group of its own."""
    path = tmp_path / "groups.csv"
    path.write_text("id,scanner,age\nc,x,70\nb,,60\na,y,60\n")
    assert read_groups(path, ["a", "b"]) == {"scanner": ["y", "not given"]}


def test_a_grouping_has_two_to_twenty_values(tmp_path):
    """One value and twenty-one are no grouping; twenty are."""
    path, cases = tmp_path / "groups.csv", [f"c{number}" for number in range(21)]
    rows = [f"{case},{min(number, 19)},{number},same" for number, case in enumerate(cases)]
    path.write_text("\n".join(["case,twenty,more,one", *rows]) + "\n")
    assert list(read_groups(path, cases)) == ["twenty"]


def test_a_group_of_ten_is_not_small():
    """Nine are."""
    values, names = table((10, 9), (0.8, 0.3))
    found = column_record(values, names, [None] * 19)
    assert [(group["group"], group["n"], group["small"]) for group in found["groups"]] == [
        ("a", 10, False), ("b", 9, True),
    ]  # fmt: skip

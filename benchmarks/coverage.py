"""How often a 95 % interval of the mean score contains the true mean.

    python benchmarks/coverage.py [--repetitions 1000] [--cases RUN/cases.csv] [--output docs/benchmarks/coverage.md]

Samples of n cases are drawn from scores whose true mean is known, and four intervals are made of each:

- percentile: quantiles of the bootstrapped means (Efron 1979);
- BCa: the same, corrected for bias and skewness (Efron 1987); the one segkit publishes, by segkit's own code;
- bootstrap-t: quantiles of the bootstrapped t statistic (Efron 1982, Hall 1988);
- t: Student's.

The scores are: Beta(8,2), skewed; Beta(20,2) with 8 % zeros, as where some structures are missed; the Dice of the 60
validation images of a real run, drawn with replacement (benchmarks/case_scores.json, or any run's cases.csv); and
patients, where n is the number of patients, each with 1 to 5 cases that resemble each other, more where segmentation
is harder. There the mean is that over cases, and each method treats patients as the units.

The goals are 92 to 97 % at n = 60 and 93 to 97 % at n = 200. Of the methods that meet them, segkit publishes the one
whose misses are spread most evenly over both sides: an interval that is too high three times as often as too low is
not a 95 % interval to whoever asks whether a score is high enough.

All repetitions share the resamples of their n, as all of segkit's intervals do: 10,000, of a fixed seed.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats
from startup import machine

from segkit.statistics import summarize
from segkit.statistics.intervals import bca_interval, resampled_totals

METHODS = ("percentile", "BCa", "bootstrap-t", "t")
SIZES = (20, 60, 200)
CONFIDENCE = 0.95
TAILS = [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2]
AT_A_TIME = 200
GOALS = {60: (0.92, 0.97), 200: (0.93, 0.97)}
"""What the published interval is to cover at each n; at 20 the table says what it is."""


class Result(NamedTuple):
    """Shares of the intervals that contain the mean, lie below it and lie above it; their median width."""

    covered: float
    too_low: float
    too_high: float
    width: float


Rows = list[tuple[str, int, dict[str, Result]]]
"""Scores, n, and the result of each method."""

Draw = Callable[[np.random.Generator, tuple[int, int]], tuple[np.ndarray, np.ndarray]]
"""(repetitions, units) to the total and the number of the scores of each unit."""


def singles(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Make units of one case each."""
    return values, np.ones_like(values)


def patients(generator: np.random.Generator, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Draw patients: 1 to 5 cases, each Beta(30,2) times the patient's own Beta(8, 1 + cases / 2)."""
    number = generator.integers(1, 6, shape)
    cases = generator.beta(30, 2, (*shape, 5)) * (np.arange(5) < number[..., None])
    return cases.sum(axis=-1) * generator.beta(8, 1 + number / 2), number.astype(np.float64)


def scenarios(pool: np.ndarray) -> dict[str, tuple[Draw, float]]:
    """Return name, draw and true mean of each kind of scores."""
    number = np.arange(1, 6)
    return {
        "Beta(8,2)": (lambda generator, shape: singles(generator.beta(8, 2, shape)), 8 / 10),
        "Beta(20,2), 8 % zeros": (
            lambda generator, shape: singles(generator.beta(20, 2, shape) * (generator.random(shape) >= 0.08)),
            0.92 * 20 / 22,
        ),
        "real run": (lambda generator, shape: singles(generator.choice(pool, shape)), float(pool.mean())),
        "patients": (patients, float(30 / 32 * (number * 8 / (9 + number / 2)).sum() / number.sum())),
    }


def intervals(sums: np.ndarray, sizes: np.ndarray) -> dict[str, np.ndarray]:
    """Make every method's interval of the ratio of totals for samples (repetitions, units); each (repetitions, 2)."""
    repetitions, units = sums.shape
    mean = sums.sum(axis=1) / sizes.sum(axis=1)
    residual = sums - mean[:, None] * sizes
    drawn = resampled_totals(np.concatenate([residual, sizes, residual**2, residual * sizes, sizes**2]).T, seed=0)
    # (repetitions, resamples) each; residuals add up to 0 in the sample, so their ratio is the resample's deviation.
    total, number, squares, products, square_sizes = (part.T for part in np.hsplit(drawn, 5))
    deviation = total / number
    spread = np.maximum(squares - 2 * deviation * products + deviation**2 * square_sizes, 0)
    correction = (units / (units - 1)) ** 0.5
    error = correction * np.sqrt((residual**2).sum(axis=1)) / sizes.sum(axis=1)
    # A resample of one value again and again has no error; its statistic is then as extreme as can be.
    drawn_error = correction * np.maximum(np.sqrt(spread) / number, 1e-9 * error[:, None])
    pull = residual / sizes.mean(axis=1)[:, None]
    bca = [bca_interval(0.0, pull[i], deviation[i], CONFIDENCE) for i in range(repetitions)]
    ends = {
        "percentile": np.quantile(deviation, TAILS, axis=1).T,
        "BCa": np.array(bca),
        "bootstrap-t": -np.quantile(deviation / drawn_error, TAILS[::-1], axis=1).T * error[:, None],
        "t": np.outer(error, stats.t.ppf(TAILS, units - 1)),
    }
    return {method: end + mean[:, None] for method, end in ends.items()}


def check_published(draw: Draw) -> None:
    """Leave unless `summarize` publishes the interval that is measured here."""
    sums, sizes = draw(np.random.default_rng(1), (1, 60))
    number = sizes[0].astype(int)
    groups = [str(unit) for unit, cases in enumerate(number) for _ in range(cases)]
    found = summarize(np.repeat(sums[0] / sizes[0], number), groups)
    measured = intervals(sums, sizes)["BCa"][0]
    published = np.array([found.ci_low, found.ci_high], np.float64)
    if not np.allclose(published, measured, rtol=0, atol=1e-9):
        sys.exit(f"segkit publishes {found.ci_low} to {found.ci_high}, measured is {measured}")


def measure(draw: Draw, mean: float, n: int, repetitions: int) -> dict[str, Result]:
    """Return what each method's intervals of samples of n units come to."""
    generator = np.random.default_rng(n)
    found: dict[str, list[np.ndarray]] = {method: [] for method in METHODS}
    for start in range(0, repetitions, AT_A_TIME):
        samples = draw(generator, (min(AT_A_TIME, repetitions - start), n))
        for method, ends in intervals(*samples).items():
            found[method].append(ends)
    results = {}
    for method in METHODS:
        low, high = np.concatenate(found[method]).T
        too_low, too_high = float(np.mean(high < mean)), float(np.mean(low > mean))
        results[method] = Result(1 - too_low - too_high, too_low, too_high, float(np.median(high - low)))
    return results


def table(rows: Rows) -> str:
    """Write coverage and width as Markdown."""
    lines = [f"| scores | n | {' | '.join(METHODS)} |", "| --- |" + " ---: |" * (len(METHODS) + 1)]
    for name, n, results in rows:
        cells = (f"{100 * results[method].covered:.1f} % ({results[method].width:.3f})" for method in METHODS)
        lines.append(f"| {name} | {n} | {' | '.join(cells)} |")
    return "\n".join(lines)


def verdict(rows: Rows) -> str:
    """Write for each method whether it meets the goals, and its worst figures where there are any."""
    lines = [
        "| method | meets the goals | coverage farthest from 95 % | most misses on one side, and on the other |",
        "| --- | --- | ---: | ---: |",
    ]
    for method in METHODS:
        results = [(n, results[method]) for _, n, results in rows if n > 20]
        met = all(GOALS[n][0] <= result.covered <= GOALS[n][1] for n, result in results)
        covered = max((result.covered for _, result in results), key=lambda value: abs(value - CONFIDENCE))
        most, other = max(sorted((result.too_low, result.too_high), reverse=True) for _, result in results)
        figures = f"{100 * covered:.1f} % | {100 * most:.1f} %, {100 * other:.1f} %"
        lines.append(f"| {method} | {'yes' if met else 'no'} | {figures} |")
    return "\n".join(lines)


def read_pool(cases: Path | None) -> np.ndarray:
    """Return the case scores of a real run: of its cases.csv, or those kept here."""
    if cases is None:
        return np.array(json.loads((Path(__file__).parent / "case_scores.json").read_text())["dice"])
    with cases.open(newline="") as file:
        return np.array([float(row["dice"]) for row in csv.DictReader(file)])


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--cases", type=Path, help="cases.csv of a finished run, in place of the scores kept here")
    parser.add_argument("--output", type=Path, help="also write a page with the table")
    options = parser.parse_args()
    rows: Rows = []
    for name, (draw, mean) in scenarios(read_pool(options.cases)).items():
        check_published(draw)
        for n in SIZES:
            rows.append((name, n, measure(draw, mean, n, options.repetitions)))
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    print(f"\n{verdict(rows)}")
    if options.output is not None:
        noise = 100 * (CONFIDENCE * (1 - CONFIDENCE) / options.repetitions) ** 0.5
        options.output.write_text(
            f"# Coverage of the intervals\n\n{__doc__}\n{datetime.datetime.now(tz=datetime.UTC).date()}, {machine()}, "
            f"{options.repetitions} repetitions: one standard error is {noise:.1f} %.\n\n"
            f"Coverage, and the median width in brackets:\n\n{table(rows)}\n\n"
            f"At n = 60 and 200, all scores together:\n\n{verdict(rows)}\n"
        )


if __name__ == "__main__":
    main()

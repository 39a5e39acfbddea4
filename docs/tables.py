"""Write the pages of losses and metrics: declarations, docs/components.toml, and what other libraries answered.

    python docs/tables.py            writes docs/losses/*.md and docs/metrics/*.md
    python docs/tables.py --check    says which pages are out of date, and exits 1 where one is

Needs the built-in plugins, segkit-structure and ../shared/reference (what each library answered once, same inputs).
"""

from __future__ import annotations

import json
import math
import runpy
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from segkit.declarations import Component, Loss, Metric, Task, resolve
from segkit.engine.measure import count
from segkit.engine.summary import SPATIAL
from segkit.params import ParamInfo, describe, show

DOCS = Path(__file__).parent
PROJECT = DOCS.parent
REFERENCE = PROJECT.parent / "shared" / "reference"
FOLDERS = {"loss": DOCS / "losses", "metric": DOCS / "metrics"}
STRUCTURE = PROJECT / "plugins" / "segkit-structure" / "tests"
CALIBRATION = PROJECT / "plugins" / "segkit-metrics" / "tests"
CLAIMS = PROJECT / "plugins" / "segkit-losses" / "tests" / "reference_claims.toml"

LIBRARIES = {
    "direct": "plain formula",
    "direct_numpy_scipy": "plain formula",
    "deepmind_surface_distance": "DeepMind surface-distance",
    "isic_challenge_scoring": "isic-challenge-scoring",
    "metrics_reloaded": "Metrics Reloaded",
    "brats": "brats-evaluation",
    "monai": "MONAI",
    "segmentation_models_pytorch": "segmentation_models.pytorch",
    "sklearn": "scikit-learn",
    "smp": "segmentation_models.pytorch",
}
LOSS_CASES = {
    "One class": {
        "bin2d": "two images",
        "bin2d_one_image_empty": "one mask empty",
        "bin2d_target_full": "masks full",
        "bin2d_perfect_saturated": "perfect",
        "bin2d_zero_logits": "logits 0",
    },
    "Several classes": {
        "mc2d": "2D",
        "mc3d": "3D",
        "mc2d_class3_absent": "one class absent",
        "mc2d_background_only": "background only",
        "mc2d_ignore_255": "ignored pixels",
    },
}
METRIC_CASES = {
    "overlap": {
        "b2_blobs": "blobs",
        "b2_disjoint": "disjoint",
        "b2_jaccard_exactly_0_65": "IoU 0.65",
        "b2_jaccard_0_64": "IoU 0.64",
        "b2_both_empty": "both empty",
        "b2_target_empty": "spurious",
        "b3_pred_empty": "missed",
    },
    "distance": {
        "b2_ring_vs_disk": "ring, disk",
        "b2_outlier_pixel": "one far pixel",
        "b2_aniso_disk": "0.7 x 1.3 mm",
        "b3_ellipsoids_aniso": "3D, 3 x 1 x 1 mm",
        "b2_touch_border_shift": "at the border",
        "b2_both_empty": "both empty",
        "b2_target_empty": "spurious",
        "b3_pred_empty": "missed",
    },
    "probabilities": {f"case_{number}": f"{2 + number % 3} labels, case {number}" for number in (0, 3, 1, 4, 2, 5)},
    "pair": {f"pair_{number}": f"{2 + number % 2}D pair {number}" for number in (0, 2, 4, 1, 3, 5)},
}


def declared() -> dict[str, dict[str, Component]]:
    """Return the losses and metrics of the plugins that have pages, by kind and name."""
    import segkit_losses
    import segkit_metrics
    import segkit_structure

    metrics = (*segkit_metrics.segkit_metrics(), *segkit_structure.segkit_metrics())
    found = (*segkit_losses.segkit_losses(), *metrics)
    return {kind: {item.name: item for item in found if item.kind == kind} for kind in ("loss", "metric")}


def texts() -> dict[str, dict[str, Any]]:
    """Return what is written by hand, by kind and name."""
    return tomllib.loads((DOCS / "components.toml").read_text())


def pages() -> dict[Path, str]:
    """Return every generated page by its path; raises KeyError where a component has no text."""
    written: dict[Path, str] = {}
    answers: dict[str, LossAnswers | MetricAnswers] = {"loss": LossAnswers(), "metric": MetricAnswers()}
    by_hand = texts()
    for kind, by_name in declared().items():
        rows = [(f"[{name}]({name}.md)", item.summary) for name, item in by_name.items()]
        written[FOLDERS[kind] / "README.md"] = f"# {FOLDERS[kind].name.capitalize()}\n\n" + table((kind, ""), rows)
        for name, component in by_name.items():
            written[FOLDERS[kind] / f"{name}.md"] = page(component, by_hand[kind][name], answers[kind])
    return written


def page(component: Component, text: Mapping[str, Any], answers: LossAnswers | MetricAnswers) -> str:
    """Return the page of one component."""
    parts = [f"# {component.name}", component.summary, f"```text\n{text['formula'].strip()}\n```"]
    parts += [text["notes"].strip(), table(("", ""), facts(component, text)).strip()]
    rows = [(f"`{info.name}`", about_param(info)) for info in describe(component.params).values()]
    if rows:
        parts += ["## Params", table(("param", ""), rows).strip()]
        prefix = f"{component.kind}.{component.name}"
        parts.append(f"Set with `--set {prefix}.{rows[0][0].strip('`')}=VALUE`.")
    parts += ["## What other libraries answer", answers.of(component, text).strip()]
    if not text.get("answers", ["the losses' are found by name"]):
        parts.append("No library that is run for these pages gives this number.")
    return "\n\n".join(parts) + "\n"


def about_param(info: ParamInfo) -> str:
    """Return what a param does, its type, limits and default: one cell, which a telephone shows whole."""
    default = f"`{show(info.default)}`" if show(info.default) else "none"
    return f"{info.help}<br>{', '.join(filter(None, (info.type, info.limits)))}; default {default}"


def facts(component: Component, text: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the rows about a component that are no params."""
    rows = []
    if isinstance(component, Metric):
        low, high = (number(value) for value in component.range)
        rows = [
            (
                "unit",
                f"{component.unit}, or pixels for images without a spacing"
                if component.unit in SPATIAL
                else component.unit or "none",
            ),
            ("range", f"{low} to {high}, {component.direction.described()}"),
            ("pooled over cases", "yes" if component.poolable else "no"),
        ]
    if isinstance(component, Loss):
        rows = [
            ("value", f"one per {component.scope}"),
            ("unit", "none"),
            ("range", f"{text['range']}, lower is better"),
        ]
    rows += [("also called", ", ".join(component.aliases))] if component.aliases else []
    return rows + ([("source", component.reference)] if component.reference else [])


class LossAnswers:
    """The reference values of losses, and with which settings they are reproduced."""

    def __init__(self) -> None:
        self.cases = json.loads((REFERENCE / "loss_vectors.json").read_text())["cases"]
        self.claims = tomllib.loads(CLAIMS.read_text())

    def of(self, component: Component, text: Mapping[str, Any]) -> str:
        """Return one table for one class and one for several, as far as there are answers."""
        base = component.name.removeprefix("batch-")
        entries = [
            (entry, setting(entry))
            for entry in self.claims["claim"]
            if base in {term["loss"].removeprefix("batch-") for term in entry["terms"]}
        ]
        for entry in self.claims["excluded"]:
            if entry.get("loss") == base:
                entries.append((entry, f"not reproduced: {entry['reason']}"))
        parts = [
            "Values on the same float64 logits, as the library reduces them over the batch. Rows that name params of "
            "segkit are reproduced with them, value and gradient, and tested."
        ]
        for title, columns in LOSS_CASES.items():
            rows = [row for entry, said in entries for row in self.rows(entry, said, columns)]
            if rows:
                parts += [f"### {title}", table(("library", "function", *columns.values(), "in segkit"), rows)]
        return "\n\n".join(part.strip() for part in parts)

    def rows(self, entry: Mapping[str, Any], said: str, columns: Iterable[str]) -> list[tuple[str, ...]]:
        """Return one row per name of an entry, where any of the cases has a value."""
        found = []
        for name in entry["names"]:
            library, _, function = name.partition("/")
            held = [case for case in columns if case in entry.get("cases", self.cases)]
            held = [case for case in held if name in self.cases[case]["results"]]
            values = [number(self.cases[c]["results"][name]["value"]) if c in held else "" for c in columns]
            if held:
                found.append((LIBRARIES.get(library, library), f"`{function}`", *values, said))
        return found


def setting(entry: Mapping[str, Any]) -> str:
    """Say how a reference value is made from losses: "0.5*dice (smooth=1) + bce, mean over valid pixels"."""
    said = []
    for term in entry["terms"]:
        params = ", ".join(
            f"{name}={show(tuple(value) if isinstance(value, list) else value)}"
            for name, value in term.get("params", {}).items()
        )
        factor = f"{term['factor']:g}*" if "factor" in term else ""
        said.append(f"`{factor}{term['loss']}`" + (f" `{params}`" if params else ""))
    reductions = {
        "pixel-sum": ", summed over valid pixels",
        "pixel-mean": ", one mean over the batch's valid pixels",
        "weighted-pixel-mean": ", one weighted mean over the batch",
        "mean-over-logits": ", divided by the number of logits",
    }
    return " + ".join(said) + reductions.get(entry.get("reduction", ""), "")


def flat(row: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what libraries answered on a drawn pair, as library and key."""
    found = {name: values for name, values in row.items() if isinstance(values, dict)}
    found["panoptica"] = {**row["panoptica"], "cldice": row["cldice"]}
    found["panoptica"]["count_error"] = abs(row["panoptica"]["predicted"] - row["panoptica"]["reference"])
    found["monai"] = {"panoptic_quality": row["monai_pq"]}
    sides = zip(*row["betti_full"], strict=True)
    found["gudhi"] = {"betti_numbers": sum(abs(one - other) for one, other in sides)}
    return found


class MetricAnswers:
    """The reference values of metrics, beside what segkit answers on the same masks."""

    def __init__(self) -> None:
        import numpy as np

        self.cases = json.loads((REFERENCE / "metric_vectors.json").read_text())["cases"]
        with np.load(REFERENCE / "metric_vectors.npz") as opened:
            self.arrays = dict(opened)
        self.cases |= self.drawn() | self.drawn_probabilities()

    def drawn(self) -> dict[str, Any]:
        """Draw the pairs of masks that the tests of segkit-structure have answers for."""
        import numpy as np

        draw_pair = runpy.run_path(str(STRUCTURE / "conftest.py"))["draw_pair"]
        answers = json.loads((STRUCTURE / "oracles.json").read_text())["pairs"]
        for case in METRIC_CASES["pair"]:
            pair = draw_pair(int(case.removeprefix("pair_")))
            for side, drawn in zip(("pred", "target"), pair, strict=True):
                self.arrays[f"{case}__{side}"] = drawn.astype(np.uint8)
            self.arrays[f"{case}__spacing"] = np.ones(pair[0].ndim)
        return {case: {"values": flat(answers[int(case.removeprefix("pair_"))])} for case in METRIC_CASES["pair"]}

    def drawn_probabilities(self) -> dict[str, Any]:
        """Draw the probabilities that the tests of segkit-metrics have answers for."""
        draw = runpy.run_path(str(CALIBRATION / "conftest.py"))["draw_probabilities"]
        answers = json.loads((CALIBRATION / "calibration_oracles.json").read_text())["cases"]
        found = {}
        for case in METRIC_CASES["probabilities"]:
            number = int(case.removeprefix("case_"))
            self.arrays[f"{case}__pred"], self.arrays[f"{case}__target"] = draw(number)
            row = {library: {} for library in ("netcal", "fiducio", "torchmetrics", "sklearn")}
            for name, value in answers[number].items():
                library, _, key = name.partition("_")
                row.get(library, {})[key] = value
            found[case] = {"bins": answers[number]["bins"], "values": row}
        return found

    def of(self, component: Component, text: Mapping[str, Any]) -> str:
        """Return the table: segkit's variants first."""
        assert isinstance(component, Metric)
        columns = METRIC_CASES[text["family"]]
        rows = [("**segkit**", *self.ours(component, params, columns)) for params in text["variants"]]
        for dotted in text["answers"]:
            library, _, key = dotted.partition(".")
            values = [number(self.cases[case]["values"][library].get(key, "")) for case in columns]
            rows.append((LIBRARIES.get(library, library), f"`{key}`", *values))
        return table(("library", "form", *columns.values()), rows)

    def ours(self, metric: Metric, params: Mapping[str, Any], columns: Iterable[str]) -> list[str]:
        """Return the variant and its values."""
        if metric.needs == "probabilities":
            return self.ours_of_probabilities(metric, params, columns)
        built = metric.params(**params)
        task = Task(1, ("structure",))
        measure, score = resolve(metric.measure, metric.name), resolve(metric.factory, metric.name)(task, built)
        options = {name: getattr(built, name) for name, info in describe(metric.params).items() if info.measured}
        values = []
        for case in columns:
            prediction, mask = self.arrays[f"{case}__pred"], self.arrays[f"{case}__target"]
            spacing = tuple(float(step) for step in self.arrays[f"{case}__spacing"])
            values.append(number(float(score(measure(prediction, mask, spacing, task, options))[0])))
        said = ", ".join(f"{name}={show(value)}" for name, value in params.items())
        return [f"`{said}`" if said else "default", *values]

    def ours_of_probabilities(self, metric: Metric, params: Mapping[str, Any], columns: Iterable[str]) -> list[str]:
        """Return the variant and its values, of the last class."""
        known, values = describe(metric.params), []
        for case in columns:
            probabilities, mask = self.arrays[f"{case}__pred"], self.arrays[f"{case}__target"]
            built = metric.params(**({"bins": self.cases[case]["bins"]} if "bins" in known else {}), **params)
            options = {name: getattr(built, name) for name, info in known.items() if info.measured}
            task = Task(1, tuple("abcdef"[: len(probabilities) - 1]))
            block = tuple(slice(0, side) for side in mask.shape)
            sums = resolve(metric.measure, metric.name)(mask, None, task, options)(probabilities, block)
            measured = replace(count(probabilities.argmax(axis=0), mask, None, task), sums=sums)
            values.append(number(float(resolve(metric.factory, metric.name)(task, built)(measured)[-1])))
        said = ", ".join(f"{name}={show(value)}" for name, value in params.items())
        return [f"`{said}`" if said else "default", *values]


def number(value: Any) -> str:
    """Write a value with five significant digits; what is no number as the reference has it."""
    if isinstance(value, str) and value.startswith("raises:"):
        return "error"
    try:
        value = float(value)
    except (TypeError, ValueError):
        return str(value)
    if math.isnan(value):
        return "nan"
    # Single precision and rounding noise would show in the last digits.
    return "0" if abs(value) < 1e-12 else f"{value:.5g}".replace("inf", "∞")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def outdated() -> list[Path]:
    """Return the pages that differ from what would be written, and those that nothing writes any more."""
    written = pages()
    committed = {path for folder in FOLDERS.values() for path in folder.glob("*.md")}
    return sorted(
        path for path in committed | set(written) if not path.exists() or path.read_text() != written.get(path)
    )


def main() -> int:
    """Write the pages, or check them."""
    old, only_check = outdated(), "--check" in sys.argv[1:]
    written = {} if only_check else pages()
    for path in old:
        print(path.relative_to(PROJECT))
        if path in written:
            path.parent.mkdir(exist_ok=True)
            path.write_text(written[path])
        elif not only_check:
            path.unlink()
    return 1 if old and only_check else 0


if __name__ == "__main__":
    sys.exit(main())

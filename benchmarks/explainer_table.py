"""Explainers: evidence beside wrong methods and controls.

    python benchmarks/explainers.py table RUN [RUN ...] [--cases 20 --layer middle] [--output FILE.md]

The mean of every figure of evidence over scored cases of a finished run, spread evenly over the ranks, for the first
class as it is predicted: of cam, grad-cam and hires, of the two methods of the report that segkit starts from,
re-implemented here (its "CAM" weighs channels by the mean of the output, its Grad-CAM explains the centre pixel), and
of four maps that explain nothing. Baseline of deletion and insertion: the image's mean. "random": Spearman's
coefficient with the maps of models whose decoder, or all of whose weights, are shuffled. "flagged": on how many cases
the evidence says in words that the map follows the image rather than the model. n in brackets where a figure is not
defined on every case.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import segkit
from segkit.discovery import Registry
from segkit.engine.infer import Predictor
from segkit.explain.called import called_layers
from segkit.explain.case import BuiltExplainer, build_explainer
from segkit.explain.evidence import EvidenceSettings, agreement
from segkit.explain.gradient_tap import tap
from segkit.explain.images import Wish, explain_image
from segkit.explain.targets import BoundTarget, Target
from segkit.jobs.explain.subject import case_subject
from segkit.jobs.report import case_values
from segkit.model import load_model
from segkit.planning.reopened import reopen_data
from segkit.planning.splits import scored_cases
from segkit.rundir.names import CONFIG
from segkit.rundir.read import read_record

MASK, EDGES, CONSTANT = "the mask itself", "edges of the image", "constant"
HEADS = ("AUROC reference", "AUROC prediction", "pointing", "deletion", "insertion", "random decoder", "all random")
Maps = tuple[torch.Tensor, tuple[str, ...]]
Rows = dict[str, list[list[float]]]
FLAG = "follows the image rather than the model"


def report_cam(model: nn.Module, x: torch.Tensor, layer: str, target: BoundTarget) -> Maps:
    """The report's "CAM": channels weighted by the mean of the output, which with one channel is one number."""
    tapped = tap(model, x, layer)
    target(tapped.logits.detach())
    mean = tapped.logits.detach().mean(dim=(1, 2, 3)).reshape(-1, 1, 1, 1)
    return (mean * tapped.activation.detach()).sum(dim=1), target.status


def report_grad_cam(model: nn.Module, x: torch.Tensor, layer: str, target: BoundTarget) -> Maps:
    """The report's Grad-CAM: one pixel, the centre of the image."""
    tapped = tap(model, x, layer)
    target(tapped.logits.detach())
    centre = Target("pixel", target.label, place=tuple(side // 2 for side in x.shape[2:]))
    gradient = tapped.gradient(BoundTarget(centre, target.task))
    return (gradient.mean(dim=(2, 3), keepdim=True) * tapped.activation.detach()).sum(dim=1), target.status


def controls(reference: np.ndarray) -> dict[str, BuiltExplainer]:
    """Maps that explain nothing."""

    def random(model: nn.Module, x: torch.Tensor, layer: None, target: BoundTarget) -> Maps:
        return torch.randn(len(x), *x.shape[2:], generator=torch.Generator().manual_seed(0)), ("ok",)

    def constant(model: nn.Module, x: torch.Tensor, layer: None, target: BoundTarget) -> Maps:
        return torch.ones(len(x), *x.shape[2:]), ("ok",)

    def edges(model: nn.Module, x: torch.Tensor, layer: None, target: BoundTarget) -> Maps:
        grey = x.mean(dim=1, keepdim=True)
        down = nn.functional.pad(grey.diff(dim=2), (0, 0, 0, 1))
        across = nn.functional.pad(grey.diff(dim=3), (0, 1))
        return (down.square() + across.square()).sqrt()[:, 0], ("ok",)

    def mask(model: nn.Module, x: torch.Tensor, layer: None, target: BoundTarget) -> Maps:
        return torch.from_numpy(reference.astype(np.float32))[None], ("ok",)

    made = {"random": random, CONSTANT: constant, EDGES: edges, MASK: mask}
    return {name: BuiltExplainer(name, function, layered=False) for name, function in made.items()}


def table(runs: list[Path], asked: argparse.Namespace) -> list[str]:
    """Return a page's lines: a table per run, and whether the controls came out as they must."""
    registry = Registry.discover()
    lines = [f"{datetime.date.today()}, segkit {segkit.__version__}, torch {torch.__version__}."]
    for run in runs:
        rows, flags, chosen, scored = measure(run, registry, asked.cases, asked.layer)
        lines += ["", f"## {run.name}", "", f"{chosen} of {scored} scored cases.", ""]
        lines += [f"| method | {' | '.join(HEADS)} | flagged |", f"|{' --- |' * (len(HEADS) + 2)}"]
        for label, values in rows.items():
            cells = [mean_text(column) for column in zip(*values, strict=True)]
            lines.append(f"| {label} | {' | '.join(cells)} | {flags[label]} of {len(values)} |")
        lines += ["", *controls_said(rows, flags)]
    return lines


def measure(run: Path, registry: Registry, cases: int, layer: str) -> tuple[Rows, dict[str, int], int, int]:
    """Return the figures of each method by case, how often each was flagged, and how many cases of how many."""
    model = load_model(run / "model.safetensors", "cpu", registry)
    record = read_record(run)
    means = {case: value for case, value in case_values(record, record.main_metric).items() if value == value}
    ranked = sorted(means, key=means.__getitem__)
    chosen = [ranked[round(at)] for at in np.linspace(0, len(ranked) - 1, min(cases, len(ranked)))]
    reader, dataset = reopen_data(run / CONFIG, registry)
    listed = {case.id: case for case in scored_cases(reader, str(record.summary["split"]))}
    predictor = model.predictor
    assert isinstance(predictor, Predictor), f"{run} is of volumes"
    rows: Rows = {}
    flags: dict[str, int] = {}
    for case_id in chosen:
        subject = case_subject(reader, dataset.full_name, listed[case_id], predictor)
        assert subject.reference is not None
        prediction = predictor.labels(subject.shown, subject.shape)
        head = head_of(predictor, subject.shown)
        for label, explainer, place in candidates(registry, subject.reference, layer, head):
            wish = Wish(Target("predicted", 1), 1, place, model.layers, EvidenceSettings())
            (found,) = explain_image(
                predictor, subject.shown, [explainer], wish,
                shape=subject.shape, reference=subject.reference, prediction=prediction,
            )  # fmt: skip
            evidence = dict(found.evidence)
            if label == MASK:
                # On its own grid: by way of the working grid it would not be the mask any more.
                evidence["reference"] = agreement(subject.reference.astype(np.float32), subject.reference, 1)
            rows.setdefault(label, []).append(figures(evidence))
            flags[label] = flags.get(label, 0) + any(FLAG in words for words in evidence["words"])
    return rows, flags, len(chosen), len(ranked)


def controls_said(rows: Rows, flags: dict[str, int]) -> list[str]:
    """Say whether the mask scores 1, edges are flagged and a constant map is undefined, as they must."""
    mask = [values[0] for values in rows[MASK] if values[0] == values[0]]
    undefined = sum(values[0] != values[0] for values in rows[CONSTANT])
    cases = len(rows[MASK])
    said = {
        f"{MASK}: AUROC 1 on {sum(value == 1 for value in mask)} of {len(mask)} cases": all(v == 1 for v in mask),
        f"{EDGES}: flagged on {flags[EDGES]} of {cases} cases": flags[EDGES] == cases,
        f"{CONSTANT}: AUROC undefined on {undefined} of {cases} cases": undefined == cases,
    }
    return [f"- {text}: {'as it must be' if right else 'NOT as it must be'}" for text, right in said.items()]


def head_of(predictor: Predictor, image: np.ndarray) -> str:
    """Return the layer that gives the logits: of those with parameters the one called last with so many channels."""
    layers = called_layers(predictor.model, predictor.prepare(image))
    return [one.name for one in layers if one.weighted and one.channels == predictor.task.out_channels][-1]


def candidates(
    registry: Registry, reference: np.ndarray, layer: str, head: str
) -> Iterator[tuple[str, BuiltExplainer, str | None]]:
    """Yield label, explainer and layer of everything in the table."""
    for name in ("cam", "grad-cam", "hires"):
        found = registry.find("explainer", name)
        built = build_explainer(found, found.component.params())
        yield f"{name} {layer if built.layered else ''}".strip(), built, layer
        if built.layered:
            yield f"{name} last", built, "last"
    yield "report's CAM, last", BuiltExplainer("report-cam", report_cam), "last"
    yield "report's CAM, head", BuiltExplainer("report-cam", report_cam), head
    yield f"report's Grad-CAM, {layer}", BuiltExplainer("report-grad-cam", report_grad_cam), layer
    for name, control in controls(reference).items():
        yield name, control, None


def figures(evidence: Mapping[str, Any]) -> list[float]:
    """The table's figures, NaN where undefined."""
    reference, prediction = evidence["reference"], evidence["prediction"]
    curves, random = evidence["curves"] or {}, evidence["randomisation"] or {}
    values = [reference["auroc"], prediction["auroc"], reference["pointing"], curves.get("deletion_area")]
    values += [curves.get("insertion_area"), random.get("decoder"), random.get("everything")]
    return [float("nan") if value is None else value for value in values]


def mean_text(column: tuple[float, ...]) -> str:
    """A mean, with how many were defined."""
    known = [value for value in column if value == value]
    if not known:
        return "undefined"
    return f"{statistics.mean(known):.3f}" + (f" ({len(known)})" if len(known) < len(column) else "")

"""Explainers measured: speed and memory beside other libraries, and evidence beside wrong methods and controls.

    python benchmarks/explainers.py speed [--batch 8 --size 256 --rounds 5]
    python benchmarks/explainers.py table RUN [--cases 20 --layer middle]

`speed` explains the deepest layer of a U-Net with a ResNet-34 (segmentation_models.pytorch where it is installed, else
segkit's U-Net), methods in turn within each round, so that a busy machine slows all of them alike; ratios are of
medians. Memory is what the process's peak grows by during one call, each in a process of its own. pytorch-grad-cam and
captum are measured where they are installed.

`table` prints the evidence of cam, grad-cam and hires for a finished run, of the two methods of the report that segkit
starts from, re-implemented here, and of controls that are no explanations.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from segkit import Task
from segkit.discovery import Registry
from segkit.explain.case import BuiltExplainer, bind, build_explainer, raw_maps
from segkit.explain.gradient_tap import forward, tap
from segkit.explain.targets import Target

CLASSES = 6
TASK = Task(3, tuple("abcdef"))
METHODS = ("segkit", "autograd", "captum", "pytorch-grad-cam")
MASK = "the mask itself"
PACKAGES = {"captum": "captum", "pytorch-grad-cam": "pytorch_grad_cam"}


def make_network() -> tuple[nn.Module, str, str]:
    """Return a network with 7 logit channels, its deepest layer, and what it is."""
    torch.manual_seed(0)
    if importlib.util.find_spec("segmentation_models_pytorch") is not None:
        import segmentation_models_pytorch as smp

        model = smp.Unet("resnet34", encoder_weights=None, classes=CLASSES + 1)
        return model.eval(), "encoder.layer4", f"segmentation_models.pytorch {smp.__version__} U-Net ResNet-34"
    found = Registry.discover().find("arch", "unet")
    model = found.load()(TASK, found.component.params(width=32, norm="batch"))
    return model.eval(), "bottleneck", "segkit U-Net, width 32"


def method(name: str, model: nn.Module, layer: str, masks: torch.Tensor) -> Callable[[torch.Tensor], object]:
    """Return Grad-CAM of class 1 over given pixels, as each library does it."""
    module = model.get_submodule(layer)
    if name == "segkit":
        found = Registry.discover().find("explainer", "grad-cam")
        explainer = build_explainer(found, found.component.params())
        return lambda x: raw_maps(model, x, explainer, layer, bound(masks, [1]))
    if name == "autograd":
        return lambda x: by_autograd(model, module, x, masks)
    if name == "captum":
        from captum.attr import LayerGradCam

        return lambda x: LayerGradCam(lambda x: (model(x)[:, 1] * masks).sum(dim=(1, 2)), module).attribute(x)
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import SemanticSegmentationTarget

    def other(x: torch.Tensor) -> object:
        with GradCAM(model, [module]) as cam:
            return cam(x, targets=[SemanticSegmentationTarget(1, mask.numpy()) for mask in masks.float()])

    return other


def bound(masks: torch.Tensor, labels: list[int]) -> list:
    """Targets with given pixels."""
    targets = bind([Target("predicted", label) for label in labels], TASK, None)
    for target in targets:
        target.masks = masks
    return targets


def by_autograd(model: nn.Module, module: nn.Module, x: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """The plain way: a hook, a whole graph, one call of autograd.grad."""
    kept: list[torch.Tensor] = []
    handle = module.register_forward_hook(lambda module, arguments, output: kept.append(output))
    try:
        scores = (model(x)[:, 1] * masks).sum()
    finally:
        handle.remove()
    (gradient,) = torch.autograd.grad(scores, kept[0])
    return (gradient.mean(dim=(2, 3), keepdim=True) * kept[0]).sum(dim=1)


def inputs(batch: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images, and a disc in each."""
    x = torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(1))
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    disc = (rows - size / 2) ** 2 + (columns - size / 2) ** 2 < (size / 4) ** 2
    return x, disc.expand(batch, size, size).contiguous()


def installed(names: tuple[str, ...]) -> list[str]:
    """The methods whose library is there."""
    return [name for name in names if name not in PACKAGES or importlib.util.find_spec(PACKAGES[name]) is not None]


def speed(batch: int, size: int, rounds: int) -> None:
    """Print ratios of time and memory."""
    model, layer, what = make_network()
    x, masks = inputs(batch, size)
    names = installed(METHODS)
    calls = {name: method(name, model, layer, masks) for name in names}
    calls["forward alone"] = lambda x: forward(model, x)
    found = Registry.discover().find("explainer", "grad-cam")
    explainer = build_explainer(found, found.component.params())
    labels = list(range(1, CLASSES + 1))
    calls["six classes, one call"] = lambda x: raw_maps(model, x, explainer, layer, bound(masks, labels))
    calls["six classes, six calls"] = lambda x: [
        raw_maps(model, x, explainer, layer, bound(masks, [n])) for n in labels
    ]
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call(x)
            if turn:
                seconds[name].append(time.perf_counter() - start)
    memory = {name: extra_memory(name, batch, size) for name in names}
    print(f"{what}, layer {layer}, batch of {batch} at {size}x{size}, {torch.get_num_threads()} threads, ", end="")
    print(f"torch {torch.__version__}, {rounds} rounds, in turn")
    own = statistics.median(seconds["segkit"])
    print("\n| method | median s | spread s | times segkit | extra MB | times segkit |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, values in seconds.items():
        median = statistics.median(values)
        extra = f"{memory[name]:.0f} | {memory[name] / max(memory['segkit'], 1):.2f}" if name in memory else "|"
        print(f"| {name} | {median:.3f} | {min(values):.3f} to {max(values):.3f} | {median / own:.2f} | {extra} |")


def extra_memory(name: str, batch: int, size: int) -> float:
    """Megabytes that the peak of a new process grows by during one call."""
    command = [sys.executable, __file__, "memory", name, "--batch", str(batch), "--size", str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def memory(name: str, batch: int, size: int) -> None:
    """Print what one call adds to the peak; a call on a small image before it loads what is loaded once."""
    model, layer, _ = make_network()
    small, small_masks = inputs(1, 64)
    method(name, model, layer, small_masks)(small)
    x, masks = inputs(batch, size)
    call = method(name, model, layer, masks)
    # Linux: 5 sets the peak back to what is resident now.
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    call(x)
    print((resident("VmHWM") - before) / 1024)


def resident(field: str) -> int:
    """Kilobytes of a field of this process's status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def report_cam(model, x, layer, target):
    """The report's "CAM": channels weighted by the mean of the output, which with one channel is one number."""
    tapped = tap(model, x, layer)
    target(tapped.logits.detach())
    mean = tapped.logits.detach().mean(dim=(1, 2, 3)).reshape(-1, 1, 1, 1)
    return (mean * tapped.activation.detach()).sum(dim=1), target.status


def report_grad_cam(model, x, layer, target):
    """The report's Grad-CAM: one pixel, the centre of the image."""
    from segkit.explain.targets import BoundTarget

    tapped = tap(model, x, layer)
    target(tapped.logits.detach())
    centre = Target("pixel", target.label, place=tuple(side // 2 for side in x.shape[2:]))
    gradient = tapped.gradient(BoundTarget(centre, target.task))
    return (gradient.mean(dim=(2, 3), keepdim=True) * tapped.activation.detach()).sum(dim=1), target.status


def controls(reference: np.ndarray) -> dict[str, BuiltExplainer]:
    """Maps that explain nothing."""

    def random(model, x, layer, target):
        return torch.randn(len(x), *x.shape[2:], generator=torch.Generator().manual_seed(0)), ("ok",)

    def constant(model, x, layer, target):
        return torch.ones(len(x), *x.shape[2:]), ("ok",)

    def edges(model, x, layer, target):
        grey = x.mean(dim=1, keepdim=True)
        down = nn.functional.pad(grey.diff(dim=2), (0, 0, 0, 1))
        across = nn.functional.pad(grey.diff(dim=3), (0, 1))
        return (down.square() + across.square()).sqrt()[:, 0], ("ok",)

    def mask(model, x, layer, target):
        return torch.from_numpy(reference.astype(np.float32))[None], ("ok",)

    made = {"random": random, "constant": constant, "edges of the image": edges, MASK: mask}
    return {name: BuiltExplainer(name, function, layered=False) for name, function in made.items()}


def table(run: Path, cases: int, layer: str) -> None:
    """Print the mean of every figure over scored cases that are spread evenly over the ranks."""
    from segkit.engine.progress import Progress
    from segkit.explain.evidence import EvidenceSettings, agreement
    from segkit.explain.images import Wish, explain_image
    from segkit.explaining.finished import open_data
    from segkit.explaining.work import case_subject
    from segkit.finished import case_means
    from segkit.model import load_model
    from segkit.report.record import read_record

    registry = Registry.discover()
    model = load_model(run / "model.safetensors", "cpu", registry)
    record = read_record(run)
    means = {case: value for case, value in case_means(record, record.main_metric).items() if value == value}
    ranked = sorted(means, key=means.__getitem__)
    chosen = [ranked[round(at)] for at in np.linspace(0, len(ranked) - 1, min(cases, len(ranked)))]
    reader, name = open_data(run, registry, None, Progress())
    listed = {case.id: case for case in reader.cases(str(record.summary["split"]))}
    rows: dict[str, list[list[float]]] = {}
    for case_id in chosen:
        subject = case_subject(reader, name, listed[case_id], model.predictor)
        prediction = model.predictor.labels(subject.shown, subject.shape)
        for label, explainer, place in candidates(registry, subject.reference, layer):
            wish = Wish(Target("predicted", 1), 1, place, model.layers, EvidenceSettings())
            (found,) = explain_image(
                model.predictor, subject.shown, [explainer], wish,
                shape=subject.shape, reference=subject.reference, prediction=prediction,
            )  # fmt: skip
            evidence = dict(found.evidence)
            if label == MASK:
                # On its own grid: by way of the working grid it would not be the mask any more.
                evidence["reference"] = agreement(subject.reference.astype(np.float32), subject.reference, 1)
            rows.setdefault(label, []).append(figures(evidence))
    print(
        f"{run.name}: {len(chosen)} cases of {len(ranked)}, predicted lesion, baseline mean; n in brackets where less"
    )
    heads = ("AUROC reference", "AUROC prediction", "pointing", "deletion", "insertion", "random decoder", "all random")
    print(f"\n| method | {' | '.join(heads)} |\n|{' --- |' * (len(heads) + 1)}")
    for label, values in rows.items():
        print(f"| {label} | {' | '.join(mean_text(column) for column in zip(*values, strict=True))} |")


def candidates(registry: Registry, reference: np.ndarray, layer: str):
    """Yield label, explainer and layer of everything in the table."""
    for name in ("cam", "grad-cam", "hires"):
        found = registry.find("explainer", name)
        built = build_explainer(found, found.component.params())
        yield f"{name} {layer if built.layered else ''}".strip(), built, layer
        if built.layered:
            yield f"{name} last", built, "last"
    yield "report's CAM, last", BuiltExplainer("report-cam", report_cam), "last"
    yield "report's CAM, head", BuiltExplainer("report-cam", report_cam), "head"
    yield f"report's Grad-CAM, {layer}", BuiltExplainer("report-grad-cam", report_grad_cam), layer
    for name, control in controls(reference).items():
        yield name, control, None


def figures(evidence: dict) -> list[float]:
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


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "table", "memory"))
    parser.add_argument("of", nargs="?", help="RUN of table")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--layer", default="middle")
    asked = parser.parse_args()
    if asked.what == "speed":
        speed(asked.batch, asked.size, asked.rounds)
    elif asked.what == "memory":
        memory(asked.of, asked.batch, asked.size)
    elif asked.of is None:
        parser.error("table needs a RUN")
    else:
        table(Path(asked.of), asked.cases, asked.layer)


if __name__ == "__main__":
    main()

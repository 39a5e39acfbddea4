"""Explainers: time and memory beside other libraries.

    python benchmarks/explainers.py speed [--batch 8 --size 256 --rounds 5] [--output docs/benchmarks/explainers.md]
    python benchmarks/explainers.py table RUN [RUN ...] [--cases 20 --layer middle] [--output FILE.md]

`speed` explains the deepest layer of a U-Net with a ResNet-34 (segmentation_models.pytorch where it is installed, else
segkit's U-Net), methods in turn within each round, so that a busy machine slows all of them alike; ratios are medians
of each round's own. Memory is what the process's peak grows by during one call, each in a process of its own, the
median of three. pytorch-grad-cam and captum are measured where they are installed.

`table` is explainer_table.py: the evidence of cam, grad-cam and hires for finished runs, of the two methods of the
report that segkit starts from, and of controls that are no explanations.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import explainer_table
import torch
from startup import machine
from torch import nn

from segkit import Task
from segkit.discovery import Registry
from segkit.explain.case import bind, build_explainer, raw_maps
from segkit.explain.one_pass import forward
from segkit.explain.targets import BoundTarget, Target

CLASSES = 6
TASK = Task(3, tuple("abcdef"))
METHODS = ("segkit", "autograd", "captum", "pytorch-grad-cam")
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


def bound(masks: torch.Tensor, labels: list[int]) -> list[BoundTarget]:
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


def speed(batch: int, size: int, rounds: int) -> list[str]:
    """Measure time and memory and return the lines of a page."""
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
    memory = {name: statistics.median(extra_memory(name, batch, size) for _ in range(3)) for name in names}
    lines = [
        f"{datetime.date.today()}, {machine()}, load average {os.getloadavg()[1]:.1f}, torch {torch.__version__}, "
        f"{torch.get_num_threads()} thread(s). {what}, layer {layer}, batch of {batch} at {size}x{size}, {rounds} "
        "rounds, in turn.",
        "",
        "| method | median s | spread s | times segkit | extra MB | segkit's share of it |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, values in seconds.items():
        ratio = statistics.median(one / own for one, own in zip(values, seconds["segkit"], strict=True))
        extra = f"{memory[name]:.0f} | {memory['segkit'] / memory[name]:.2f}" if name in memory else "|"
        spread = f"{min(values):.3f} to {max(values):.3f}"
        lines.append(f"| {name} | {statistics.median(values):.3f} | {spread} | {ratio:.2f} | {extra} |")
    return lines


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


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "table", "memory"))
    parser.add_argument("of", nargs="*", help="runs of table")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--layer", default="middle")
    parser.add_argument("--output", type=Path, help="also write a page")
    asked = parser.parse_args()
    if asked.what == "memory":
        memory(asked.of[0], asked.batch, asked.size)
        return
    if asked.what == "table" and not asked.of:
        parser.error("table needs a RUN")
    if asked.what == "speed":
        about, lines = __doc__ or "", speed(asked.batch, asked.size, asked.rounds)
    else:
        about, lines = explainer_table.__doc__ or "", explainer_table.table(list(map(Path, asked.of)), asked)
    title, _, rest = about.partition("\n\n")
    text = "\n".join([f"# {title.rstrip('.')}", "", rest.rstrip(), "", *lines, ""])
    print(text)
    if asked.output is not None:
        asked.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

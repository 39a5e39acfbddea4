"""Training steps beside those of other libraries' networks of the same shape.

    python benchmarks/training.py [--seconds 30] [--threads N] [--device auto] [--only NAME] [--output FILE.md]

A step is forward, loss (binary cross entropy with logits), backward and AdamW. Ours run as segkit's trainer runs them:
channels-last memory, the precision that `run.autocast=auto` stands for (bfloat16 on CUDA and on processors with matrix
units, else float32), the trainer's own optimizer (fused). The others run as their own examples do (default memory
layout, float32, `torch.optim.AdamW`), and in every faster way that PyTorch documents for them: channels-last memory,
bfloat16 autocast, the fused optimizer. Ratios are taken in equal precision, to the fastest of the others in its fastest
way: what of a difference is precision, layout or trainer counts for nobody. The pairs have the same widths, depth and
input; parameters are printed, because no two libraries' networks are the same to the last layer.

All networks of a pair are measured in turns within one process, a step each, so that whatever else the machine does
falls on all alike; the median step counts. Peak memory is measured apart, one process per network: the largest
resident set over that of the process before the first step on a CPU, the allocator's peak on CUDA.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from startup import machine
from torch import nn
from torch.nn import functional

from segkit import Task, components
from segkit.contracts import Outputs
from segkit.engine.device import autocast, choose_device, training_precision
from segkit.engine.schedule import make_optimizer
from segkit.params import build
from segkit.settings import Train

GOALS = {"U-Net 64..1024, 2D": 1.2, "U-Net 16..128, 3D": 1.1, "PSPNet, ResNet-18": 1.1}
"""Images per second on a CPU, ours over the fastest of the others in its fastest way, in equal precision (issue 28)."""
Make = Callable[[], nn.Module]


def ours(name: str, dims: int, channels: int, **params: Any) -> nn.Module:
    """Build one of the installed architectures."""
    found = next(item for item in components("arch") if item.component.name == name)
    network: nn.Module = found.load()(Task(channels, ("a",), dims), build(found.component.params, params, name))
    return network


def monai_unet(dims: int, channels: int, width: int) -> nn.Module:
    """MONAI's BasicUNet: two convolutions a level, transposed convolutions, four poolings."""
    from monai.networks.nets import BasicUNet

    features = (width, 2 * width, 4 * width, 8 * width, 16 * width, width)
    made: nn.Module = BasicUNet(dims, channels, 1, features, norm=("instance", {"affine": True}))
    return made


def monai_dynunet(dims: int, channels: int, width: int, levels: int) -> nn.Module:
    """MONAI's DynUNet: nnU-Net's network, strided convolutions in place of pooling."""
    from monai.networks.nets import DynUNet

    strides = [1] + [2] * (levels - 1)
    filters = [width * 2**level for level in range(levels)]
    made: nn.Module = DynUNet(dims, channels, 1, [3] * levels, strides, strides[1:], filters=filters)
    return made


def smp(name: str, **options: Any) -> nn.Module:
    """One of segmentation_models.pytorch's networks without pretrained weights."""
    import segmentation_models_pytorch

    network: nn.Module = segmentation_models_pytorch.create_model(name, encoder_weights=None, classes=1, **options)
    return network


@dataclass(frozen=True)
class Way:
    """A way of running a network: memory layout, optimizer, precision."""

    channels_last: bool
    fused: bool
    precision: str

    @property
    def text(self) -> str:
        """What it is, after the network's name."""
        layout = "channels last" if self.channels_last else "default layout"
        return f"{layout}, {'fused, ' if self.fused else ''}{'float32' if self.precision == 'none' else self.precision}"


TRAINER, DEFAULT = Way(True, True, "auto"), Way(False, False, "none")
"""As segkit's trainer runs, in the precision that suits the device, and as PyTorch does where nobody says anything."""

PAIRS: dict[str, tuple[tuple[int, ...], dict[str, Make]]] = {
    "U-Net 64..1024, 2D": (
        (4, 3, 128, 128),
        {
            "segkit unet": functools.partial(ours, "unet", 2, 3, norm="instance"),
            "MONAI BasicUNet": functools.partial(monai_unet, 2, 3, 64),
            "MONAI DynUNet": functools.partial(monai_dynunet, 2, 3, 64, 5),
        },
    ),
    "U-Net 16..128, 3D": (
        (1, 1, 64, 64, 64),
        {
            "segkit unet": functools.partial(ours, "unet", 3, 1, width=16, depth=3, norm="instance"),
            "MONAI DynUNet": functools.partial(monai_dynunet, 3, 1, 16, 4),
        },
    ),
    "PSPNet, ResNet-18": (
        (4, 3, 128, 128),
        {
            "segkit pspnet": functools.partial(ours, "pspnet", 2, 3, backbone="resnet18"),
            "smp DeepLabV3": functools.partial(smp, "deeplabv3", encoder_name="resnet18"),
        },
    ),
    "smp Unet, ResNet-18": (
        (4, 3, 128, 128),
        {
            "segkit smp-unet": functools.partial(ours, "smp-unet", 2, 3, encoder="resnet18"),
            "smp Unet": functools.partial(smp, "unet", encoder_name="resnet18"),
        },
    ),
}
"""Input, and the networks by name; the first is ours."""


class Stepper:
    """One network that takes training steps.

    Args:
        way: one of the ways of running a network.
    """

    def __init__(self, make: Make, shape: tuple[int, ...], device: torch.device, way: Way) -> None:
        torch.manual_seed(0)
        last = torch.channels_last if len(shape) == 4 else torch.channels_last_3d
        self.layout = last if way.channels_last else None
        self.precision = way.precision
        self.device = device
        self.network = self.laid(make().to(device)).train()
        self.images = self.laid(torch.randn(shape, device=device))
        self.mask = (torch.rand(shape[0], 1, *shape[2:], device=device) > 0.5).float()
        self.optimizer: torch.optim.Optimizer = (
            make_optimizer(self.network, Train(), device) if way.fused else torch.optim.AdamW(self.network.parameters())
        )

    def laid(self, what: Any) -> Any:
        """Bring a tensor or network into the memory layout."""
        return what if self.layout is None else what.to(memory_format=self.layout)

    def step(self) -> float:
        """Take a step; return its seconds."""
        start = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(self.device, self.precision):
            found = self.network(self.images)
        listed = zip(found.logits, found.weights, strict=True) if isinstance(found, Outputs) else [(found, 1.0)]
        losses = [
            weight * functional.binary_cross_entropy_with_logits(logits.float(), self.mask) for logits, weight in listed
        ]
        loss = torch.stack(losses).sum()
        loss.backward()
        self.optimizer.step()
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start


def variants(networks: dict[str, Make], device: torch.device) -> dict[str, tuple[Make, Way]]:
    """Name what is measured: ours as trained, in float32 and in the default way, the others in every way."""
    first, *others = networks
    measured = {}
    for way in own_ways(device):
        measured[f"{first}, {way.text}"] = (networks[first], way)
    for name in others:
        for way in every_way(device):
            measured[f"{name}, {way.text}"] = (networks[name], way)
    return measured


def own_ways(device: torch.device) -> list[Way]:
    """The ways of ours."""
    trained = replace(TRAINER, precision=training_precision(device, "auto"))
    return list(dict.fromkeys([trained, replace(TRAINER, precision="none"), DEFAULT]))


def every_way(device: torch.device) -> Iterator[Way]:
    """The default way, and both layouts with the fused optimizer in every precision that ours is measured in."""
    yield DEFAULT
    for precision in dict.fromkeys(["none", training_precision(device, "auto")]):
        for channels_last in (False, True):
            yield Way(channels_last, True, precision)


def interleaved(
    shape: tuple[int, ...], networks: dict[str, Make], device: torch.device, seconds: float
) -> dict[str, Any]:
    """Take steps in turns until the time is over; return median seconds and parameters by name."""
    steppers = {name: Stepper(make, shape, device, way) for name, (make, way) in variants(networks, device).items()}
    for stepper in steppers.values():
        stepper.step()
    times: dict[str, list[float]] = {name: [] for name in steppers}
    start = time.perf_counter()
    while time.perf_counter() - start < seconds or len(times[next(iter(times))]) < 3:
        for name, stepper in steppers.items():
            times[name].append(stepper.step())
    return {
        name: {
            "seconds": statistics.median(times[name]),
            "steps": len(times[name]),
            "parameters": sum(parameter.numel() for parameter in stepper.network.parameters()),
        }
        for name, stepper in steppers.items()
    }


def resident() -> float:
    """Return the largest resident set of this process so far in MiB.

    On Linux `getrusage` gives a child the peak of the process that it was forked from; the kernel's own figure is not.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def peak_alone(pair: str, name: str, device: torch.device) -> None:
    """Print the peak memory of two steps of one network in MiB: what the process's child is for."""
    shape, networks = PAIRS[pair]
    make, way = variants(networks, device)[name]
    stepper = Stepper(make, shape, device, way)
    before = resident()
    for _ in range(2):
        stepper.step()
    if device.type == "cuda":
        print(torch.cuda.max_memory_allocated(device) / 2**20)
    else:
        print(resident() - before)


def peak(pair: str, name: str, args: argparse.Namespace) -> float:
    """Measure the peak memory of one network in a process of its own, in MiB."""
    command = [sys.executable, __file__, "--peak", json.dumps([pair, name]), "--device", args.device]
    command += ["--threads", str(torch.get_num_threads())]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def row(name: str, result: dict[str, Any], samples: int, memory: float, reference: float) -> str:
    """Write one network's figures."""
    cells = [
        name,
        f"{result['parameters'] / 1e6:.2f} M",
        f"{samples / result['seconds']:.2f}",
        f"{reference / result['seconds']:.2f}",
        f"{memory:,.0f}",
        str(result["steps"]),
    ]
    return f"| {' | '.join(cells)} |"


def section(pair: str, args: argparse.Namespace, device: torch.device) -> list[str]:
    """Measure a pair and write its table."""
    shape, networks = PAIRS[pair]
    print(f"{pair}: {args.seconds:g} s", file=sys.stderr)
    results = interleaved(shape, networks, device, args.seconds)
    ways = {name: way for name, (_, way) in variants(networks, device).items()}
    ours = next(iter(networks))
    fastest = {
        precision: min(
            results[name]["seconds"]
            for name, way in ways.items()
            if way.precision == precision and not name.startswith(f"{ours},")
        )
        for precision in {way.precision for way in ways.values()}
    }
    lines = [f"## {pair}, input {'x'.join(map(str, shape))}", ""]
    lines += ["| network | parameters | images/s | to the fastest other in this precision | peak MiB | steps |"]
    lines += ["| --- | ---: | ---: | ---: | ---: | ---: |"]
    for name, result in results.items():
        memory = float("nan") if args.no_memory else peak(pair, name, args)
        lines.append(row(name, result, shape[0], memory, fastest[ways[name].precision]))
    first = next(iter(results))
    ratio = fastest[ways[first].precision] / results[first]["seconds"]
    if pair in GOALS and device.type == "cpu":
        goal = GOALS[pair]
        lines += ["", f"Goal {goal}, in equal precision: {'met' if ratio >= goal else 'missed'} ({ratio:.2f})."]
    return [*lines, ""]


def main() -> None:
    """Measure, print, and write a page where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30, help="of each pair")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--only", choices=list(PAIRS))
    parser.add_argument("--output", type=Path)
    parser.add_argument("--no-memory", action="store_true", help="steps alone: no process for each network")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    device = choose_device(args.device)
    if args.peak:
        pair, name = json.loads(args.peak)
        peak_alone(pair, name, device)
        return
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else machine()
    lines = ["# Training steps", "", *(__doc__ or "").splitlines()[2:], ""]
    lines += [
        f"Measured {datetime.date.today()} on {where}, {torch.get_num_threads()} threads, PyTorch {torch.__version__}.",
        "",
    ]
    for pair in [args.only] if args.only else PAIRS:
        lines += section(pair, args, device)
    page = "\n".join(lines).rstrip() + "\n"
    print(page)
    if args.output:
        args.output.write_text(page)


if __name__ == "__main__":
    main()

"""What a trained U-Net++'s heads are worth: each prune level, the mean of all logits, the mean of all outputs.

    python benchmarks/heads.py RUN [--data-root DIR] [--cases N] [--page docs/results/FILE.md]

The U-Net++ paper averages the heads' outputs, which are probabilities; segkit-unetpp averages their logits, so that the
engine can interpolate them. This scores both, and each head alone, by the mean Dice of the cases that the run was
scored on, on their own grid and in the run's own way (its mirroring too), and times the network itself on one image at
working size, in turns (median). A head alone is the pruned network: what it does not need is not computed.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from results import insert
from torch import nn

import segkit
from segkit.data.case import Sample
from segkit.discovery import Registry
from segkit.jobs.report import open_scored_data
from segkit.model import Model
from segkit.statistics import summarize

LEAST = 1e-6
ROUNDS = 12


class MeanOfOutputs(nn.Module):
    """The mean of the heads' probabilities, as logits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (N, K, *S) of images whose sides are multiples."""
        network: Any = self.network
        maps = network.finest_maps(x, network.depth)
        logits = torch.stack([head(maps[int(column)]) for column, head in network.heads.items()])
        if logits.shape[2] == 1:
            return torch.logit(torch.sigmoid(logits).mean(dim=0), eps=LEAST)
        return torch.softmax(logits, dim=2).mean(dim=0).clamp_min(LEAST).log()


def ways(network: Any) -> dict[str, nn.Module]:
    """Name every way of inference that the network's heads allow."""
    found: dict[str, nn.Module] = {f"X0,{column} alone": network.pruned(int(column)) for column in network.heads}
    return found | {"mean of logits": network, "mean of outputs": MeanOfOutputs(network)}


def dice(prediction: np.ndarray, mask: np.ndarray, classes: int) -> list[float]:
    """Return 2 TP / (P + R) of every class, NaN for one in neither; ignored pixels count for nothing."""
    known, values = mask != segkit.IGNORE, []
    for label in range(1, classes + 1):
        ours, theirs = ((array == label) & known for array in (prediction, mask))
        both = int(ours.sum()) + int(theirs.sum())
        values.append(2 * int((ours & theirs).sum()) / both if both else float("nan"))
    return values


def timed(measured: dict[str, nn.Module], image: torch.Tensor) -> dict[str, float]:
    """Return the median milliseconds of each network, all taking turns after one call to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in measured}
    with torch.inference_mode():
        for _ in range(ROUNDS + 1):
            for name, network in measured.items():
                start = time.perf_counter()
                network(image)
                seconds[name].append(time.perf_counter() - start)
    return {name: 1000 * statistics.median(values[1:]) for name, values in seconds.items()}


def table(model: Model, samples: Sequence[Sample]) -> Iterator[str]:
    """Yield the lines of the table."""
    predictor, classes = model.predictor, len(model.task.classes)
    measured = ways(predictor.model)
    image = torch.zeros(1, predictor.task.in_channels, *predictor.size, device=predictor.device)
    milliseconds = timed(measured, image)
    yield "| inference | parameters | ms a forward pass | mean Dice | 95 % interval |"
    yield "| --- | ---: | ---: | ---: | --- |"
    for name, network in measured.items():
        one = dataclasses.replace(predictor, model=network)
        masked = [(sample, sample.mask) for sample in samples if sample.mask is not None]
        scores = [dice(one.labels(sample.image, mask.shape, sample.spacing), mask, classes) for sample, mask in masked]
        found = summarize(np.array(scores))
        parameters = sum(parameter.numel() for parameter in network.parameters())
        interval = "" if found.ci_low is None else f"{found.ci_low:.3f} to {found.ci_high:.3f}"
        yield f"| {name} | {parameters:,} | {milliseconds[name]:.1f} | {found.mean:.4f} | {interval} |"


def main() -> None:
    """Score every way and print, or write, a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data-root", help="where the data are now; where the run found them if not given")
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--page", type=Path, help="a page with two marks, between which the table goes")
    args = parser.parse_args()
    model = segkit.load(args.run)
    data = open_scored_data(args.run, Registry.discover(), args.data_root)
    samples = [data.reader.read(case) for case in list(data.cases.values())[: args.cases]]
    size = "x".join(map(str, model.predictor.size))
    made = f"{model.predictor.device}, {torch.get_num_threads()} threads"
    remark = f"{len(samples)} cases; forward pass of {size}, torch {torch.__version__}, {made}."
    text = "\n".join([*table(model, samples), "", remark])
    print(text)
    if args.page:
        insert(args.page, "heads", text)


if __name__ == "__main__":
    main()

"""What a trained U-Net++'s heads are worth: each prune level, the mean of all logits, the mean of all outputs.

    python benchmarks/heads.py RUN/model.safetensors DATA_ROOT [--dataset isic] [--split val] [--cases N]

The U-Net++ paper averages the heads' outputs, which are probabilities; segkit-unetpp averages their logits, so that the
engine can interpolate them. This scores both, and each head alone, by the mean Dice of the cases on their own grid, and
times the network itself on one image at working size, in turns (median).
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

import segkit
from segkit.params import build

LEAST = 1e-6


class MeanOfOutputs(nn.Module):
    """The mean of the heads' probabilities, as logits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (N, K, *S) of images whose sides are multiples."""
        network = self.network
        maps = network.finest_maps(x, network.depth)
        logits = torch.stack([head(maps[int(column)]) for column, head in network.heads.items()])
        if logits.shape[2] == 1:
            return torch.logit(torch.sigmoid(logits).mean(dim=0), eps=LEAST)
        return torch.softmax(logits, dim=2).mean(dim=0).clamp_min(LEAST).log()


def ways(network: nn.Module) -> dict[str, nn.Module]:
    """Name every way of inference that the network's heads allow."""
    found: dict[str, nn.Module] = {f"X0,{column} alone": network.pruned(int(column)) for column in network.heads}
    return found | {"mean of logits": network, "mean of outputs": MeanOfOutputs(network)}


def dice(prediction: np.ndarray, mask: np.ndarray, classes: int) -> float:
    """Return the mean over classes of 2 TP / (P + R), those in neither left out."""
    values = []
    for label in range(1, classes + 1):
        ours, theirs = (array == label for array in (prediction, mask))
        if ours.any() or theirs.any():
            values.append(2 * (ours & theirs).sum() / (ours.sum() + theirs.sum()))
    return float(np.mean(values)) if values else float("nan")


def main() -> None:
    """Score every way and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("--dataset", default="isic")
    parser.add_argument("--split", default="val")
    parser.add_argument("--cases", type=int, default=100_000)
    args = parser.parse_args()
    model = segkit.load(args.model)
    predictor = model.predictor
    found = next(item for item in segkit.components("data") if item.component.name == args.dataset)
    reader = found.load()(args.root, build(found.component.params, {}, args.dataset))
    samples = [reader.read(case) for case in list(reader.cases(args.split))[: args.cases]]
    image = torch.zeros(1, model.task.in_channels, *predictor.size, device=predictor.device)
    measured = ways(predictor.model)
    seconds: dict[str, list[float]] = {name: [] for name in measured}
    with torch.inference_mode():
        for _ in range(8):
            for name, network in measured.items():
                start = time.perf_counter()
                network(image)
                seconds[name].append(time.perf_counter() - start)
    print(f"{len(samples)} cases of {args.split}", file=sys.stderr)
    print("| inference | parameters | ms an image | mean Dice |\n| --- | ---: | ---: | ---: |")
    for name, network in measured.items():
        one = dataclasses.replace(predictor, model=network)
        scores = [dice(one.labels(sample.image), sample.mask, len(model.task.classes)) for sample in samples]
        parameters = sum(parameter.numel() for parameter in network.parameters())
        milliseconds = 1000 * statistics.median(seconds[name])
        print(f"| {name} | {parameters:,} | {milliseconds:.1f} | {np.nanmean(scores):.4f} |")


if __name__ == "__main__":
    main()

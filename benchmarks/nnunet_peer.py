"""nnU-Net's side of benchmarks/nnunet.py, which starts it with the Python of nnU-Net's environment, without segkit.

It is called as

    python nnunet_peer.py train PLANS FOLD STEPS RESULT.json
    python nnunet_peer.py probe PLANS FOLD STEPS RESULT.json
    python nnunet_peer.py score REFERENCES PREDICTIONS RESULT.json
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

EPOCH = 25
"""Steps of an epoch: nnU-Net's 250 are of a training of 1,000 epochs, and its rate goes down epoch by epoch."""
LABELS = [1, 2]


class ShortTrainer(nnUNetTrainer):  # type: ignore[misc]
    """nnU-Net's own trainer, its schedule laid out over fewer steps."""

    def __init__(self, *arguments: Any, steps: int) -> None:
        super().__init__(*arguments)
        self.num_iterations_per_epoch = min(EPOCH, steps)
        self.num_epochs = max(1, round(steps / self.num_iterations_per_epoch))
        self.num_val_iterations_per_epoch = 1  # only told: nothing is chosen by it
        self.save_every = 10**6
        self.times: list[float] = []

    def train_step(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Take a step, and note when in processor seconds it ended."""
        done: dict[str, Any] = super().train_step(batch)
        self.times.append(time.process_time())
        return done

    @property
    def step_seconds(self) -> float:
        """Processor seconds of a step with its batch, the median."""
        return statistics.median(after - before for before, after in zip(self.times, self.times[1:], strict=False))


def train(plans: str, fold: int, steps: int, result: Path, *, predict: bool) -> None:
    """Train, predict the validation cases as nnU-Net does after training, and write what was taken."""
    from nnunetv2.paths import nnUNet_preprocessed

    base = next(Path(str(nnUNet_preprocessed)).glob("Dataset*"))
    laid = json.loads((base / f"{plans}.json").read_text()) | {"continue_training": False}
    described = json.loads((base / "dataset.json").read_text())
    torch.manual_seed(0)
    begun, clock = processor_seconds(), time.perf_counter()
    trainer = ShortTrainer(laid, "3d_fullres", fold, described, torch.device("cpu"), steps=steps)
    trainer.initialize()
    trainer.run_training()
    trained, waited = processor_seconds() - begun, time.perf_counter() - clock
    begun = processor_seconds()
    if predict:
        trainer.perform_actual_validation(False)
    told = {
        "train": trained,
        "clock": waited,
        "predict": processor_seconds() - begun,
        "steps": trainer.num_epochs * trainer.num_iterations_per_epoch,
        "step": trainer.step_seconds,
        "parameters": sum(parameter.numel() for parameter in trainer.network.parameters()),
        "predictions": str(Path(trainer.output_folder) / "validation"),
    }
    result.write_text(json.dumps(told))


def processor_seconds() -> float:
    """Of this process and of those of its children that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + used.ru_utime + used.ru_stime


def score(references: Path, predictions: Path, result: Path) -> None:
    """Write nnU-Net's own Dice of each case and class."""
    from nnunetv2.evaluation.evaluate_predictions import compute_metrics
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

    found = {}
    for path in sorted(predictions.glob("*.nii.gz")):
        measured = compute_metrics(str(references / path.name), str(path), SimpleITKIO(), LABELS)["metrics"]
        found[path.name.partition(".")[0]] = [float(measured[label]["Dice"]) for label in LABELS]
    result.write_text(json.dumps(found))


if __name__ == "__main__":
    if sys.argv[1] in ("train", "probe"):
        whole = sys.argv[1] == "train"
        train(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]), predict=whole)
    else:
        score(Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))

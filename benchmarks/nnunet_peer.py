"""nnU-Net's side of benchmarks/nnunet.py, which starts it with the Python of nnU-Net's environment, without segkit.

It is called as

    python nnunet_peer.py train PLANS FOLD SECONDS RESULT.json
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
"""Steps of an epoch, about: nnU-Net's 250 are of a training of 1,000 epochs, and its rate goes down epoch by epoch."""
LABELS = [1, 2]
PROBED = 5
"""Steps by which the seconds of one are known."""


class ShortTrainer(nnUNetTrainer):  # type: ignore[misc]
    """nnU-Net's own trainer, its schedule laid out over the steps that some processor seconds suffice for."""

    seconds = 0.0

    def __init__(
        self, plans: dict[str, Any], configuration: str, fold: int, dataset_json: dict[str, Any], device: torch.device
    ) -> None:
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_val_iterations_per_epoch = 1  # only told: nothing is chosen by it
        self.save_every = 10**6
        self.began = 0.0

    def on_train_start(self) -> None:
        """Take a few steps to know what one takes, and begin anew with a schedule of as many as there is time for."""
        super().on_train_start()
        first = {name: value.clone() for name, value in self.network.state_dict().items()}
        times = []
        for _ in range(PROBED):
            begun = processor_seconds()
            self.train_step(next(self.dataloader_train))
            times.append(processor_seconds() - begun)
        self.network.load_state_dict(first)
        steps = max(2, round(self.seconds / statistics.median(times)))
        # Whole epochs of EPOCH steps would give up to half an epoch too much or too little.
        self.num_epochs = max(1, round(steps / EPOCH))
        self.num_iterations_per_epoch = round(steps / self.num_epochs)
        self.optimizer, self.lr_scheduler = self.configure_optimizers()
        self.began = processor_seconds()


def train(plans: str, fold: int, seconds: float, result: Path) -> None:
    """Train, predict the validation cases as nnU-Net does after training, and write what was taken."""
    from nnunetv2.paths import nnUNet_preprocessed

    base = next(Path(str(nnUNet_preprocessed)).glob("Dataset*"))
    laid = json.loads((base / f"{plans}.json").read_text()) | {"continue_training": False}
    described = json.loads((base / "dataset.json").read_text())
    torch.manual_seed(0)
    trainer = ShortTrainer(laid, "3d_fullres", fold, described, torch.device("cpu"))
    trainer.seconds = seconds
    trainer.initialize()
    clock = time.perf_counter()
    trainer.run_training()
    trained, waited = processor_seconds() - trainer.began, time.perf_counter() - clock
    begun = processor_seconds()
    trainer.perform_actual_validation(False)
    told = {
        "train": trained,
        "clock": waited,
        "predict": processor_seconds() - begun,
        "steps": trainer.num_epochs * trainer.num_iterations_per_epoch,
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
    if sys.argv[1] == "train":
        train(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), Path(sys.argv[5]))
    else:
        score(Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))

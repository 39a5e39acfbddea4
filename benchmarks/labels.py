"""Labels as medicine draws them: classes that overlap, that some cases are annotated for alone.

    python benchmarks/labels.py ../shared/data/hippocampus FOLDER
    python benchmarks/labels.py hair FOLDER
    python benchmarks/labels.py two FOLDER ../shared/data/isic2017-small

The first trains four models of one network on equal images in FOLDER, hippocampus as overlapping classes and with half
of the cases annotated for either part beside plain training, and prints their scores on the 30 validation cases, with
paired differences and 95 % intervals. `hair` trains two on the generated photographs, whose hair lies over the lesion
or takes its pixels from it. `two` trains one network on real photographs, whose lesions alone are drawn, and on the
generated ones with hair, and one on either alone, and scores each on its validation cases. What is there already is not
trained again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
from trained import scores_of, told, train

SETTINGS = (
    "--set data.mode=slices --set data.patches=8 --set arch.width=12 --set arch.depth=3 --set train.batch_size=16 "
    "--set components.metrics=dice --set evaluate.save_predictions=false --set explain.cases=worst"
)
OF_PHOTOGRAPHS = "--metric dice --explain none --set evaluate.save_predictions=false"
NAMES = {"background": 0, "Anterior": 1, "Posterior": 2}
PARTS = ("Anterior", "Posterior")


def lay_out(source: Path, place: Path, most: int | None = None) -> dict[str, Path]:
    """Write the four data sets beside each other; images are links, labels of partly annotated cases anew.

    Args:
        most: training cases; None: all.
    """
    description = json.loads((source / "dataset.json").read_text())
    roots = {}
    for name, labels in {
        "exclusive": NAMES,
        "overlapping": {"background": 0, "Whole": [1, 2], "Anterior": 1},
        "marginal": NAMES,
        "as background": NAMES,
    }.items():
        roots[name] = root = place / "data" / name.replace(" ", "-")
        root.mkdir(parents=True, exist_ok=True)
        partial = name in ("marginal", "as background")
        for folder in ("imagesTr", "imagesVa", "labelsVa", *([] if partial else ["labelsTr"])):
            if not (root / folder).exists():
                (root / folder).symlink_to((source / folder).resolve())
        said = {"labels": labels, "modality": description["modality"]}
        if most is not None:
            names = sorted(file.name for file in (source / "imagesTr").glob("*.nii.gz"))[:most]
            said["training"] = [{"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in names]
        if partial:
            annotated = half_annotated(source / "labelsTr", root / "labelsTr")
            said |= {"annotated": annotated} if name == "marginal" else {}
        (root / "dataset.json").write_text(json.dumps(said))
    return roots


def half_annotated(source: Path, target: Path) -> dict[str, list[str]]:
    """Write the labels of every other case without the one part, of the rest without the other."""
    target.mkdir(exist_ok=True)
    annotated = {}
    for number, file in enumerate(sorted(source.glob("*.nii.gz"))):
        kept = number % 2 + 1
        annotated[file.name.partition(".")[0]] = [PARTS[kept - 1]]
        if not (target / file.name).exists():
            volume = nib.load(file)
            labels = np.asarray(volume.dataobj)
            nib.save(
                nib.Nifti1Image(np.where(labels == kept, labels, 0).astype(np.uint8), volume.affine), target / file.name
            )
    return annotated


def hair(place: Path, length: Sequence[str], seed: int) -> None:
    """Print the Dice of lesion and hair on the generated test photographs, overlapping and exclusive."""
    scores = {}
    for form in ("overlapping", "exclusive"):
        run = place / f"hair-{form}-{seed}"
        train(run, "--arch", "unet", "--data", "isic", "--set", f"data.hair={form}", *length, *OF_PHOTOGRAPHS.split())
        scores[form] = scores_of(run)
    print("| class | overlapping | exclusive | overlapping less exclusive, paired |")
    for label in ("lesion", "hair"):
        one, other = (scores[form][label] for form in ("overlapping", "exclusive"))
        gained = [one[case] - other[case] for case in one]
        print(f"| {label} | {told(list(one.values()))} | {told(list(other.values()))} | {told(gained)} |")


def two(place: Path, real: Path, length: Sequence[str], seed: int) -> None:
    """Print the Dice by dataset and class of one network of two datasets, and of networks of either alone."""
    generated = ["--set", "data.hair=overlapping"]
    ways = {
        "both, by size": [],
        "both, evenly": ["--set", "data.deal=evenly"],
        "sample": ["--data", "isic", *generated],
        "isic": ["--data", "isic", "--data-root", str(real)],
    }
    both = ["--data", "isic", "--data", "sample=isic", "--data-root", str(real), "--data-root", ""]
    print("| trained on | dataset | class | n | Dice |")
    for name, said in ways.items():
        run = place / f"two-{name.replace(', ', '-').replace(' ', '-')}-{seed}"
        joined = [*both, "--set", "data.sample_hair=overlapping", *said] if name.startswith("both") else said
        # Of real photographs there is no test split: all are scored on validation cases, which choose nothing then.
        split = ["--set", "evaluate.split=val"]
        train(run, "--arch", "unet", *joined, *split, *length, *OF_PHOTOGRAPHS.split())
        for label, values in scores_of(run).items():
            by_dataset: dict[str, list[float]] = {}
            for case, value in values.items():
                dataset = case.partition("_")[0] if name.startswith("both") else name
                if not np.isnan(value):
                    by_dataset.setdefault(dataset, []).append(value)
            for dataset, own in by_dataset.items():
                print(f"| {name} | {dataset} | {label} | {len(own)} | {told(own)} |")


def main() -> None:
    """Train what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="folder of hippocampus, or: hair, two")
    parser.add_argument("place", type=Path)
    parser.add_argument("real", type=Path, nargs="?", help="with two: folder of ISIC's photographs")
    parser.add_argument("--epochs", type=int, help="8; of photographs as the recipe says")
    parser.add_argument("--size", type=int, help="of photographs; the recipe's where not given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int)
    options = parser.parse_args()
    length = ["--seed", str(options.seed)]
    length += [] if options.epochs is None else ["--epochs", str(options.epochs)]
    length += [] if options.size is None else ["--size", str(options.size)]
    if options.source == "hair":
        hair(options.place, length, options.seed)
    elif options.source == "two":
        if options.real is None:
            parser.error("two: say where ISIC's photographs are")
        two(options.place, options.real, length, options.seed)
    else:
        parts(Path(options.source), options.place, [*(() if options.epochs else ("--epochs", "8")), *length], options)


def parts(source: Path, place: Path, length: Sequence[str], options: argparse.Namespace) -> None:
    """Print the Dice of the parts of hippocampus, trained in four ways."""
    scores = {}
    for name, root in lay_out(source, place, options.cases).items():
        run = place / f"run-{name.replace(' ', '-')}-{options.seed}"
        train(run, "--arch", "unet", "--data", "msd", "--data-root", str(root), *length, *SETTINGS.split())
        scores[name] = scores_of(run)
    print("model | class | Dice | less the exclusive task's, paired")
    for name, classes in scores.items():
        for label, values in classes.items():
            base = scores["exclusive"].get(label)
            difference = "" if base is None else told([values[case] - base[case] for case in values])
            print(f"{name} | {label} | {told(list(values.values()))} | {difference}")
    for label in PARTS:
        gained = [scores["marginal"][label][case] - value for case, value in scores["as background"][label].items()]
        print(f"marginal less as background | {label} | {told(gained)}")


if __name__ == "__main__":
    main()

"""Every command that README and docs show is carried out, small, or stands in NOT_HERE with the reason."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from segkit.cli import main
from segkit.discovery import Registry
from segkit.params import build

FRESH = "installation: .ci/run and .ci/release carry it out in fresh environments"
NOT_HERE = {
    r"^python -m (pip install|venv)|^pip install": FRESH,
    r"^pytest|^python -m pytest|^bash \.ci/run": "they are the tests; those of new packages: tests/cli/test_new.py",
    r"^pre-commit": "it changes the checkout's hooks; what they call is called by .ci/run",
    r"^tensorboard": "a server that does not end; its reader's view: plugins/segkit-tensorboard/tests",
    r"^python benchmarks/|^python tests/(fuzz/run\.py|mutation)": "minutes to hours, on a quiet machine",
    r"^segkit data download": "gigabytes; tests/data/test_download.py fetches from a server of its own",
    r"torchrun": "several processes: tests/test_several_processes.py",
    r"--from |--resume runs/unet-isic --epochs 40": "runs that are there: tests/jobs/test_start.py, test_longer.py",
    r"--jobs \d|--launcher ": "processes of their own: tests/test_launched.py, tests/jobs/launch",
    r"^segkit next": "a calibrated model, two runs: plugins/segkit-serve/tests/test_next.py",
    r"^segkit serve": "a server that does not end: plugins/segkit-serve/tests ask one",
    r"^segkit isic-submission": "pictures called as the challenge's: plugins/segkit-isic/tests/test_submission.py",
    r"sample=isic|runs/(overlapping|joined|partial|hands)|cells|organs": "own masks: tests/documented/test_labels.py",
    r"^segkit sweep": "a run per trial: tests/jobs/sweep, tests/test_swept.py",
    r"^segkit calibrate|--groups ": "more validation cases, a table: tests/cli/test_calibrate.py, test_evaluate.py",
    r"arch\.pretrained=true|^segkit weights download": "it downloads weights; from a server: tests/cli/test_weights.py",
}
"""Commands, as regular expressions, that are not carried out here, and why."""
TUTORIAL = "docs/tutorial.md"
"""Its commands build on one another; tests/test_tutorial.py carries them out in order."""
SMALLER = {"--epochs": "1", "--size": "32", "--seeds": "1", "--folds": "2"}
ENVIRONMENT = {
    "SEGKIT_TRAIN_EPOCHS": "1",
    "SEGKIT_DATA_PATCHES": "1",
    "SEGKIT_EXPLAIN_CASES": "best",
    "SEGKIT_EXPLAIN_SEEDS": "1",
    "SEGKIT_EXPLAIN_STEPS": "2",
    "SEGKIT_RUN_DEVICE": "cpu",
}
PATCH = {"--size": "16,32,32"}
DATASETS = re.compile(r"--data (\S+)|segkit data \w+ (\S+)")
CASES_KEPT = 7
"""Of each folder of the generated photographs: intervals need six cases that differ."""
LARGE = ("--arch pspnet", "--arch smp-", "resnet50")
"""Networks whose deepest grid needs more than 32 pixels to train on."""


def why_not(text: str) -> str:
    """Why a command is not carried out here; empty where it is."""
    return next((reason for pattern, reason in NOT_HERE.items() if re.search(pattern, text)), "")


def is_run(one) -> bool:
    """Whether a command is carried out by this file."""
    return not why_not(one.text) and not all(place.startswith(TUTORIAL) for place in one.places)


def test_every_reason_is_needed(shown):
    """What is not shown any more is not excused any more."""
    for pattern in NOT_HERE:
        assert any(re.search(pattern, one.text) for one in shown), pattern


def test_only_segkit_is_run_here(shown):
    """Whatever else is shown has a reason."""
    assert [one.text for one in shown if is_run(one) and not one.text.startswith("segkit ")] == []


def test_scripts_that_are_shown_are_there(shown):
    """Benchmarks are not run, but they are not made up either."""
    project = Path(__file__).parents[2]
    scripts = [words[1] for words in (one.text.split() for one in shown) if words[0] == "python" and words[1] != "-m"]
    assert scripts
    there = [
        script for script in scripts if (project / script).is_file() or (project / script / "__main__.py").is_file()
    ]
    assert there == scripts


def make_sample(name: str, root: Path) -> Path:
    """Write a dataset's generated sample."""
    found = Registry.discover().find("data", name)
    root.mkdir(parents=True)
    found.load().make_sample(root, build(found.component.params, {}, name))
    return root


def photographs(data: Path) -> None:
    """Write a small isic and, of the same pairs, a folder of images and masks."""
    isic = make_sample("isic", data / "isic")
    for folder in isic.iterdir():
        for file in sorted(folder.iterdir())[CASES_KEPT:] if folder.is_dir() else ():
            file.unlink()
    for kind in ("images", "masks"):
        (data / "folder" / kind).mkdir(parents=True)
    for picture in isic.rglob("*.jpg"):
        (mask,) = isic.rglob(f"{picture.stem}_segmentation.png")
        shutil.copy(picture, data / "folder" / "images" / picture.name)
        shutil.copy(mask, data / "folder" / "masks" / f"{picture.stem}.png")


def volumes(data: Path) -> None:
    """Write the phantom, and its scans in the Decathlon's layout."""
    amos = make_sample("amos", data / "amos")
    (data / "msd").mkdir()
    for folder in ("imagesTr", "labelsTr"):
        shutil.copytree(amos / folder, data / "msd" / folder)
    about = json.loads((amos / "dataset.json").read_text())
    described = {"name": "phantom", "labels": about["labels"], "modality": about["modality"]}
    (data / "msd" / "dataset.json").write_text(json.dumps(described))


def call(*words: str) -> str:
    """Carry out a command in this process and return what it printed."""
    done = CliRunner().invoke(main, list(words))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, f"segkit {shlex.join(words)}\n{done.output}"
    return done.output


@pytest.fixture(scope="module")
def stage(tmp_path_factory, install_source, shown):
    """A working directory with what the pages speak of: data, runs, photographs, and the packages they make."""
    place = tmp_path_factory.mktemp("stage")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("SEGKIT_CACHE", str(place / "cache"))
        patch.setenv("SEGKIT_DATA", str(place / "data"))
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        for words in {tuple(one.text.split()) for one in shown if one.text.startswith("segkit new ")}:
            call(*words[1:], "--output", "packages")
        patch.syspath_prepend(str(install_source(sorted((place / "packages").iterdir()))))
        photographs(place / "data")
        volumes(place / "data")
        make_sample("my-data", place / "data" / "my-data")
        for arch, name in (("unet", "unet-isic"), ("unetpp", "first")):
            small = ("--set", "arch.width=4", "--size", "32", "--output", f"runs/{name}")
            call("run", "--arch", arch, "--data", "isic", *small)
        shutil.copy("runs/unet-isic/model.safetensors", "model.safetensors")
        pictures = sorted((place / "data" / "folder" / "images").iterdir())[:3]
        for target in ("photo.jpg", "phone.jpg", "images/a.jpg", "photos/a.jpg", "holiday/a.jpg"):
            Path(target).parent.mkdir(exist_ok=True)
            shutil.copy(pictures[0], target)
        from PIL import Image

        Path("more").mkdir()
        Image.open(pictures[1]).save("more/b.png")
        yield place


def dataset_of(text: str) -> str:
    """The dataset that a command is about."""
    found = DATASETS.search(text)
    return next(filter(None, found.groups())) if found else "isic"


def filled_in(text: str, place: Path) -> list[str]:
    """A command's words, with folders for what stands for any, and small numbers for large ones."""
    name = dataset_of(text)
    for word in ("DIR", "FOLDER", "OTHER", "../shared/data/isic2017-small", "../shared/data/hippocampus"):
        text = re.sub(rf"(?<=\s){re.escape(word)}(?=\s|$)", str(place / "data" / name), text)
    words = shlex.split(re.sub(r"\bRUN\b", "runs/unet-isic", text))[1:]
    small = SMALLER | ({"--size": "64"} if any(net in text for net in LARGE) else {})
    small |= PATCH if "patches" in text else {}
    for option, value in small.items():
        if option in words:
            words[words.index(option) + 1] = value
        elif option == "--size" and words[0] in ("run", "compare") and not words[1].startswith("runs/"):
            words += [option, value]
    return words


def new_folder(words: list[str]) -> list[str]:
    """Where results go, if the command names no folder: none may be in the way of another command's."""
    if words[0] in ("run", "compare") and "--output" not in words:
        number = sum(1 for _ in Path().glob("result-*"))
        return [*words, "--output", f"result-{number}"]
    return words


@pytest.mark.full
def test_a_command_that_is_shown_works(command, stage):
    """It ends well on small data, for an epoch, at a small size."""
    if not is_run(command):
        pytest.skip(why_not(command.text) or "tests/test_tutorial.py")
    for bridge, module in (("smp-", "segmentation_models_pytorch"), ("monai-", "monai")):
        if bridge in command.text:
            pytest.importorskip(module)
    if command.text.startswith("segkit new "):
        assert (stage / "packages" / f"segkit-{command.text.split()[-1]}" / "pyproject.toml").is_file()
        return  # the stage was set with it
    call(*new_folder(filled_in(command.text, stage)))

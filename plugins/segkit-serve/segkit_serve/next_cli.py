"""`segkit next`."""

from __future__ import annotations

from pathlib import Path

import click

from segkit import SegkitError, UsageError


@click.command("next")
@click.argument("given", nargs=-1, required=True, metavar="MODEL... IMAGES...")
@click.option("-n", "count", default=20, show_default=True, type=click.IntRange(1), metavar="N", help="How many.")
@click.option("--diverse", is_flag=True, help="Of those that are known least, some that differ in their looks.")
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def next_images(given: tuple[str, ...], count: int, diverse: bool, device: str, as_json: bool) -> None:
    """Order unlabelled images by what the model knows least: which to draw, or to correct, next.

    MODEL is a run directory or a model.safetensors. One that was calibrated says which Dice it expects; several are
    ordered by how far they disagree. IMAGES are files, folders and patterns.

    \b
    segkit next runs/unet-isic-calibrated.safetensors new/ -n 20 --diverse
    segkit next runs/a runs/b new/
    """
    models = [text for text in given if is_model(Path(text))]
    images = [text for text in given if text not in models]
    if not models or not images:
        raise UsageError("a model and images are needed", "segkit next MODEL IMAGES, such as runs/unet-isic new/")

    import segkit
    from segkit.cli.output import print_json
    from segkit_serve.next_images import differing, rank

    loaded = [segkit.load(path, device=device) for path in models]
    if len({(model.task.classes, model.image_dims) for model in loaded}) > 1:
        raise SegkitError("the models are of different tasks", "give models of the same classes and kind of image")
    ranked, failed = rank(loaded, images, lambda text: click.echo(f"error: {text}", err=True))
    chosen = differing(ranked, count) if diverse else ranked[:count]
    what = "expected_dice" if len(loaded) == 1 else "agreement"
    if as_json:
        rows = [{"image": str(one.path), what: round(one.known, 4)} for one in chosen]
        print_json({"next": rows, "failed": [{"image": name, "reason": text} for name, text in failed]})
    else:
        for one in chosen:
            click.echo(f"{one.known:.3f}\t{segkit_text(one.path)}")
        click.echo(f"{what}, the least first; {len(chosen)} of {len(ranked)} images", err=True)
    if failed:
        raise SystemExit(1)


def segkit_text(path: Path) -> str:
    """Return a path as one line of text."""
    from segkit.errors import one_line

    return one_line(str(path))


def is_model(path: Path) -> bool:
    """Whether a path is a checkpoint or a run directory."""
    return path.suffix == ".safetensors" or (path / "config.toml").is_file() or (path / "model.safetensors").is_file()

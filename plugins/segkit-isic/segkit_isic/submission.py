"""`segkit isic-submission`: predictions as the challenge's own scorer takes them."""

from __future__ import annotations

import re
from pathlib import Path

import click

NAME = re.compile(r"ISIC_\d{7}")
"""What the challenge calls an image; masks of superpixels and resized copies are called otherwise."""


@click.command("isic-submission")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="FOLDER")
@click.option(
    "-o",
    "--output",
    "target",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The new folder, to be zipped and handed in.",
)
def isic_submission(folder: Path, target: Path) -> None:
    """Write predictions as the ISIC challenge takes them: ISIC_0012345_segmentation.png, 255 where the lesion is.

    FOLDER is that of `segkit predict -o`, or the folder `predictions` of a run. The challenge scores a mask of the
    image's own size; a prediction of segkit has it.

    \b
    segkit predict runs/unet-isic ISIC2018_Task1-2_Test_Input -o masks
    segkit isic-submission masks -o task1
    """
    from segkit import SegkitError
    from segkit_isic.masks import write_masks

    found = sorted(path for path in folder.glob("*.png") if NAME.fullmatch(path.stem))
    if not found:
        raise SegkitError(
            f"{folder} has no label map called as the challenge calls its images (ISIC_0012345.png)",
            "give the folder that `segkit predict` wrote of the challenge's test images",
        )
    others = sum(1 for path in folder.glob("*.png") if not NAME.fullmatch(path.stem))
    write_masks(found, target)
    left = f"; {others} other files are left out" if others else ""
    click.echo(f"{len(found)} masks for the ISIC scorer in {target}{left}")

"""`segkit dicom-ids`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("dicom-ids")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--keep-ids",
    "file",
    required=True,
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="JSON file to write: patient, study and series by case id.",
)
def dicom_ids(folder: Path, file: Path) -> None:
    """Write which patient and series is behind each case id of a FOLDER of DICOM.

    The file identifies patients: keep it where their records are, and nowhere else.
    """
    from segkit_dicom.identity import digest, identity_of, keep_ids, salt
    from segkit_dicom.listing import look_through
    from segkit_dicom.series import key_of

    secret = salt()
    headers = [files[0].header for files in look_through(folder).series.values()]
    known = {digest(key_of(header), secret): identity_of(header, secret) for header in headers}
    keep_ids(file, known)
    click.echo(f"warning: {file} identifies {len(known)} series and their patients: keep it safe", err=True)

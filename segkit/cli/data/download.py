"""`segkit data download`."""

from __future__ import annotations

from dataclasses import asdict

import click

from segkit.cli import output
from segkit.cli.data.chosen import choose, count_text, dataset_options, list_cases
from segkit.errors import SegkitError
from segkit.files import bytes_text


@click.command(short_help="Fetch a dataset to where runs look for it.")
@dataset_options
@output.json_option
def download(name: str, data_root: str | None, assignments: tuple[str, ...], as_json: bool) -> None:
    """Fetch the dataset NAME and unpack it where `segkit run` looks for it.

    Stopped or killed at any moment, the same command goes on where it was. SHA-256 of everything is recorded at the
    first download and compared at later ones (see: segkit data verify --deep).

    \b
    segkit data download isic
    segkit data download isic --set data.year=2018 --data-root DIR
    """
    from segkit.cli.data.watch import watch_bytes
    from segkit.data.archives import FOLDER, read_records
    from segkit.data.roots import download_root

    chosen = choose(name, data_root, assignments)
    fetch = getattr(chosen.reader_class, "download", None)
    if fetch is None:
        where = chosen.declaration.homepage or "its homepage"
        raise SegkitError(f"dataset {chosen.declaration.name} cannot be downloaded", f"get it from {where}")
    root = download_root(chosen.full_name, chosen.given_root)
    output.say(f"downloading to {root}", err=True)
    progress = watch_bytes()
    try:
        fetch(root, chosen.params, progress)
    except KeyboardInterrupt:
        progress.close()
        output.say("what was fetched is kept: the same command goes on with it", err=True)
        raise
    finally:
        progress.close()
    cases = list_cases(chosen.reader_class(root, chosen.params), chosen)
    records = read_records(root)
    if as_json:
        archives = [{**asdict(record), "files": len(record.files)} for record in records]
        counts = {split: len(listed) for split, listed in cases.items()}
        output.print_json({"dataset": chosen.full_name, "root": str(root), "cases": counts, "archives": archives})
        return
    rows = [(item.archive, bytes_text(item.bytes), f"{len(item.files)} files", item.sha256) for item in records]
    output.print_table(("archive", "size", "holds", "SHA-256"), rows)
    if records:
        output.say(f"SHA-256 as at the first download, which recorded it in {root / FOLDER}", err=True)
    output.say(f"{root}: {count_text(cases)}")

"""`segkit data verify`."""

from __future__ import annotations

from dataclasses import asdict

import click

from segkit.cli import output
from segkit.cli.data.chosen import choose, count_text, dataset_options, list_cases, open_chosen, reading_threads

SHOWN = 5
"""Ways out that are told, of as many kinds of problem."""


@click.command(short_help="Name every problem of a dataset's files.")
@dataset_options
@click.option("--deep", is_flag=True, help="Also compare all contents with what was recorded of them.")
@output.json_option
@click.pass_context
def verify(
    context: click.Context, name: str, data_root: str | None, assignments: tuple[str, ...], deep: bool, as_json: bool
) -> None:
    """Read every file of the dataset NAME and say what is wrong; exits with 1 where anything is.

    --deep hashes every file and compares with what was recorded at download and when stores were built: files that
    changed unnoticed, and images that are byte for byte in two splits.
    """
    from segkit.cli.data.watch import Stages
    from segkit.cli.progress import make_progress
    from segkit.data.remarks import remarks_of
    from segkit.data.roots import cache_folder
    from segkit.data.verify import verify as find_problems
    from segkit.params import plain

    chosen = choose(name, data_root, assignments)
    progress = make_progress()
    stages = Stages(progress, "files or cases")
    try:
        reader, root = open_chosen(chosen, progress.message)
        problems = find_problems(
            reader,
            chosen.full_name,
            root.path,
            stages,
            deep=deep,
            stores=cache_folder() / "stores",
            settings=plain(chosen.params),
            workers=reading_threads(),
        )
        stages.finish()
        remarks = remarks_of(reader)
    finally:
        progress.close()
    if as_json:
        told = {"dataset": chosen.full_name, "root": str(root.path), "deep": deep, "remarks": remarks}
        output.print_json({**told, "problems": [asdict(problem) for problem in problems]})
    elif problems:
        output.print_table(("file", "problem"), [(problem.file, problem.reason) for problem in problems])
    else:
        cases = list_cases(reader, chosen)
        output.say(f"no problem was found: {count_text(cases)} cases")
    for sentence in remarks:
        output.warn(sentence)
    if problems:
        for hint in list(dict.fromkeys(problem.hint for problem in problems if problem.hint))[:SHOWN]:
            output.warn(f"way out: {hint}")
        output.complain(f"dataset {chosen.declaration.name}: {_count(len(problems))}")
        context.exit(1)


def _count(problems: int) -> str:
    return "1 problem" if problems == 1 else f"{problems} problems"

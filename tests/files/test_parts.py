"""What is being written is nobody else's, and what a killed process left goes."""

import subprocess
import sys
from pathlib import Path

from segkit.files import remove_parts
from segkit.files.parts import new_part, new_part_folder, part_name


def test_what_was_left_goes_and_what_is_being_written_stays(tmp_path: Path) -> None:
    """Parts of dead processes are removed; those of this one, of another one, links and other files are not."""
    (tmp_path / part_name()).write_text("left")
    (tmp_path / part_name()).mkdir()
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "x").write_text("")
    (tmp_path / part_name()).symlink_to(precious)
    (tmp_path / ".segkit-notes.part").write_text("somebody's")
    code = "from segkit.files.parts import new_part; from pathlib import Path\n"
    code += f"print(new_part(Path({str(tmp_path)!r}))[0].name, flush=True); input()"
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    theirs = other.stdout.readline().strip()
    mine, _ = new_part(tmp_path)
    with new_part_folder(tmp_path) as folder:
        remove_parts(tmp_path)
        names = {path.name for path in tmp_path.iterdir() if not path.is_symlink()}
    other.communicate("\n")
    assert names == {theirs, mine.name, folder.name, "precious", ".segkit-notes.part"}
    assert (precious / "x").exists()
    assert sum(path.is_symlink() for path in tmp_path.iterdir()) == 1
    remove_parts(tmp_path / "nowhere")

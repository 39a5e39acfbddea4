"""The generated sample."""

from segkit_dicom.sample import write_sample


def test_equal_seeds_write_equal_files(tmp_path) -> None:
    """At another moment too: SEG objects hold when they were made, and UIDs that are drawn."""
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
        write_sample(folder, 3)
    one, other = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in folders
    )
    assert one == other
    assert sum(path.name == "seg.dcm" for path in one) == 8

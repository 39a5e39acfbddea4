"""Ids that are one on some disks and two on others."""

import shutil

import pytest


@pytest.mark.parametrize("split", ["Training", "Validation"])
def test_ids_that_differ_in_case_only_are_refused(isic_run, root, photograph, mask, split):
    """isic_1 beside ISIC_1, in one split or in two: predictions of both would be one file on some disks."""
    for path, name in ((photograph, "isic_1.jpg"), (mask, "isic_1_segmentation.png")):
        shutil.copy(path, root / path.parent.name.replace("Training", split) / name)
    if len(list(photograph.parent.glob("*_1.jpg"))) + (split == "Validation") < 2:
        pytest.skip("this disk does not tell the names apart")
    result = isic_run()
    assert result.exit_code == 1, result.output
    errors = [line for line in result.stderr.splitlines() if line.lower().startswith("error")]
    assert len(errors) == 1
    assert "differ in case only" in errors[0]
    assert "ISIC_1" in errors[0]
    assert "isic_1" in errors[0]

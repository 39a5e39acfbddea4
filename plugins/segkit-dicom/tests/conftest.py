"""A salt of the tests' own, so that none is written where the user keeps theirs."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # series_files, which pytest's importlib mode does not find by itself


@pytest.fixture(autouse=True, scope="session")
def _salt():
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SEGKIT_DICOM_SALT", "grains of the tests")
        yield

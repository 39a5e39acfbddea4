"""The generators beside the tests are imported by name; what attacks begin with is made once."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def works(tmp_path_factory):
    """Finished runs of the toy plugin, in a process that has everything imported."""
    from siege import warm_up
    from works import make_works

    warm_up()
    return make_works(tmp_path_factory.mktemp("works") / "works")

"""The modules beside these tests, and what the commands begin with."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="package")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the commands begin with, and a mirror that data are fetched from while they are tried."""
    import mirror
    from commands import make_base
    from forked import warm_up

    from segkit_isic.layout import MIRROR_VARIABLE

    place = tmp_path_factory.mktemp("base")
    warm_up()
    mirror.publish(place / "mirror")
    with mirror.mirror(place / "mirror") as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv(MIRROR_VARIABLE, address)
        yield make_base(place / "base")

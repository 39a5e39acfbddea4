"""What every plugin has to pass."""

import pytest

pytest.importorskip("ray")
pytest.importorskip("segkit_ray")

from segkit.testing import plugin_checks

pytestmark = pytest.mark.full
"""Several checks start a Ray and end it again."""

test_plugin = plugin_checks("segkit-ray")

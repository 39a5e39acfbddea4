"""What every plugin has to pass."""

import pytest

pytest.importorskip("segkit_slurm")

from segkit.testing import plugin_checks

test_plugin = plugin_checks("segkit-slurm")

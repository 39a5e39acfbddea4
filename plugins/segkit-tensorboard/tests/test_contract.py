"""What every plugin has to pass."""

import pytest

pytest.importorskip("tensorboard")
pytest.importorskip("segkit_tensorboard")

from segkit.testing import plugin_checks

test_plugin = plugin_checks("segkit-tensorboard")

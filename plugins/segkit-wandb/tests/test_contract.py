"""What every plugin has to pass."""

import pytest

pytest.importorskip("wandb")
pytest.importorskip("segkit_wandb")

from segkit.testing import plugin_checks

test_plugin = plugin_checks("segkit-wandb")

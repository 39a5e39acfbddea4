"""What every plugin has to pass."""

import pytest

pytest.importorskip("optuna")
pytest.importorskip("segkit_optuna")

from segkit.testing import plugin_checks

test_plugin = plugin_checks("segkit-optuna")

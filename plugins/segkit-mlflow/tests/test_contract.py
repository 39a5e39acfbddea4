"""What every plugin has to pass."""

import pytest

pytest.importorskip("mlflow")
pytest.importorskip("segkit_mlflow")

from segkit.testing import plugin_checks

test_plugin = plugin_checks("segkit-mlflow")

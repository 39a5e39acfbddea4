"""What every plugin has to pass."""

from segkit.testing import plugin_checks

test_plugin = plugin_checks("segkit-large")

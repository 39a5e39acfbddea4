"""The plugin keeps to the contract."""

import segkit.testing

test_plugin = segkit.testing.plugin_checks("segkit-serve")

"""The conformance kit: named checks that any plugin can be held against, in its own tests or by `segkit check`."""

from __future__ import annotations

from segkit.testing.check import CheckFailure, NotChecked
from segkit.testing.tests import plugin_checks

__all__ = ["CheckFailure", "NotChecked", "plugin_checks"]

"""The segkit command: one module per subcommand, nothing heavy at import."""

from __future__ import annotations

from segkit.cli.main import main

__all__ = ["main"]

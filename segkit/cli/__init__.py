"""The segkit command: one module per subcommand, nothing heavy at import."""

from segkit.cli.main import main

__all__ = ["main"]

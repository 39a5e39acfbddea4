"""The segkit command: one module per subcommand, nothing heavy at import."""

from __future__ import annotations

try:
    from segkit.cli.main import main
except KeyboardInterrupt:
    # Ctrl-C that comes before the command has begun has its sentence too, and no traceback.
    import sys

    print("interrupted: stopped by Ctrl-C", file=sys.stderr)
    sys.exit(130)

__all__ = ["main"]

"""What people read of a run: score tables, curves, pictures and report.html, made from a run directory."""

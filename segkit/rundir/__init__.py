"""The run directory: its names, who writes it, who reads it, whether it can be gone on with, what is kept private."""

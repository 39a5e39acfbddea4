"""Checks of another kind; none yet."""

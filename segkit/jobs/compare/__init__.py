"""Several models on the same cases: which is better, by how much, and is it sure."""

from __future__ import annotations

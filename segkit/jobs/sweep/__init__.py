"""A search among settings: trials on one study, the best compared with what there was before."""

from __future__ import annotations

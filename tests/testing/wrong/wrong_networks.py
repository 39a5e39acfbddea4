"""Networks that are each wrong in one way: the table, filled by the modules it comes from."""

from __future__ import annotations

import wrong_answers
import wrong_building
from network_base import NETWORKS

__all__ = ["NETWORKS", "wrong_answers", "wrong_building"]

"""What holds for every test, of the core and of the plugins."""

from __future__ import annotations

import os

# Tests run side by side, one process a core; two threads in each of them would wait for one another. torch reads it
# when it is imported, which no test has done yet.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

"""Threads take turns at a network: explaining one changes it for a while."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from torch import nn

_locks: WeakKeyDictionary[nn.Module, threading.RLock] = WeakKeyDictionary()
_guard = threading.Lock()


@contextmanager
def turn_at(network: nn.Module) -> Iterator[None]:
    """Hold a network alone among the threads of this process; whoever holds it may take it again.

    An explanation hangs hooks on the network's modules and puts constants in the places of its weights until it is
    done: of eight threads that explained at once a third failed (issue 19). The lock belongs to the network, so that
    models made of one another by `adjusted` share it.
    """
    with _guard:
        lock = _locks.setdefault(network, threading.RLock())
    with lock:
        yield

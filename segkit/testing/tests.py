"""The checks as one parametrised pytest function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from segkit.testing.limit import LIMIT
from segkit.testing.suite import Item, Suite


def plugin_checks(
    distribution: str,
    *,
    xfail: Mapping[str, str] | None = None,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    samples: Mapping[str, Callable[[Path], object]] | None = None,
    full: bool = False,
    skip: Sequence[str] = (),
    limit: float = LIMIT,
) -> Callable[[Item], None]:
    """Return a pytest function with one test per check of an installed distribution.

        test_plugin = plugin_checks("segkit-mynet")

    Args:
        xfail: known gaps, {"onnx": "why"}, or of one component {"mynet:onnx": "why"}, or {"mynet 2D:onnx": "why"}; one
            that passes all the same is a failure.
        params: component name -> params to check it with, where the declared small ones do not serve.
        samples: dataset name -> function that writes a small data set into an empty folder, where it makes none itself.
        full: also what takes long, such as compiling with inductor.
        skip: checks that are left out, named as in `xfail`.
        limit: seconds that a check may take; it has failed then.

    Raises:
        UsageError: the distribution is not installed, or an option names what it does not have.
    """
    import pytest

    options: dict[str, Any] = {"xfail": xfail or {}, "params": params or {}, "samples": samples or {}}
    suite = Suite.of(distribution, **options, full=full, skip=skip, limit=limit)
    told: set[Item] = set()

    @pytest.mark.parametrize("item", list(suite.items()), ids=str)
    def test_plugin(item: Item) -> None:
        """The plugin passes a check of the conformance kit."""
        __tracebackhide__ = True
        outcome = suite.outcome(item)
        told.add(item)
        if outcome.blocked_by is not None and outcome.blocked_by not in told:
            # pytest -k left out the check that failed: a skip would hide it (issue 20).
            outcome = suite.outcome(outcome.blocked_by)
        if outcome.status == "skipped":
            pytest.skip(outcome.reason)
        if outcome.status == "xfailed":
            pytest.xfail(outcome.reason)
        if outcome.failure is not None:
            # The kit's own lines say nothing that the message does not; the plugin's stay, as its cause.
            raise outcome.failure.with_traceback(None) from outcome.failure.__cause__

    return test_plugin

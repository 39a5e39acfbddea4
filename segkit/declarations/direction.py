"""Which values of a metric are better: larger ones, smaller ones, or those near a target."""

from __future__ import annotations

from typing import Any, NamedTuple


class Direction(NamedTuple):
    """What everything that ranks goes by: the best epoch, the worst case, the models of a comparison.

    Attributes:
        higher_is_better: says nothing where there is a target.
        target: the value that is best, such as 0 of a signed bias; None where larger or smaller ones are.
    """

    higher_is_better: bool = True
    target: float | None = None

    @property
    def higher(self) -> bool:
        """Whether of two `comparable` values the larger one is better."""
        return self.higher_is_better and self.target is None

    def comparable(self, values: Any) -> Any:
        """Return values, a number or an array, as they are ranked: their distances from the target, if there is one.

        It is taken of each case before any mean: a model that is 50 % too large here and 50 % too small there has no
        bias on the mean, and is no good one.
        """
        return values if self.target is None else abs(values - self.target)

    def named(self, metric: str) -> str:
        """Say what `comparable` values are."""
        return metric if self.target is None else f"distance of {metric} from {self.target:g}"

    def described(self) -> str:
        """Say which values are better."""
        if self.target is not None:
            return f"{self.target:g} is best"
        return "higher is better" if self.higher_is_better else "lower is better"

"""Optuna's tree-structured Parzen estimator as a searcher of segkit sweep."""

from __future__ import annotations

__version__ = "0.1.0"

from segkit import Searcher, hookimpl


@hookimpl
def segkit_parts() -> list[Searcher]:
    """Return the searcher."""
    return [
        Searcher(
            name="tpe",
            factory="segkit_optuna.tpe:build",
            summary="Tree-structured Parzen estimator of Optuna, with pruning of trials that fall behind.",
            params="segkit_optuna.params:TpeParams",
            reference="Bergstra et al.: Algorithms for hyper-parameter optimization, NeurIPS 2011; Optuna, KDD 2019",
        )
    ]

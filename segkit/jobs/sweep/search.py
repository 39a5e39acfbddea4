"""The searcher that was asked for, and what it answers, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from segkit.contracts import StudyInfo, Trial
from segkit.discovery import Found, Registry
from segkit.errors import SegkitError, UsageError
from segkit.jobs.culprit import package_of, told_in, way_to_author
from segkit.jobs.sweep.space import RandomSearch, value_text
from segkit.params import build

RANDOM = "random"
SECTION = "searcher."
"""What begins the settings of a searcher in `--set searcher.PARAM=VALUE`."""


class Search:
    """A searcher as the sweep uses it; what it raises is told as its own.

    Args:
        name: full name.
        searcher: with `suggest`; it may have `report`, which prunes, and `tell`.
    """

    def __init__(self, name: str, searcher: Any, study: StudyInfo) -> None:
        self.name, self.searcher, self.study = name, searcher, study

    def suggest(self, number: int, trials: Sequence[Trial]) -> dict[str, str]:
        """Return the values of a new trial as text; raises SegkitError where they are none of the space."""
        values = self.ask("suggest", number, trials)
        names = [setting.name for setting in self.study.settings]
        if not isinstance(values, Mapping) or sorted(values) != sorted(names):
            raise SegkitError(f"searcher {self.name} gave {values!r} for {', '.join(names)}", "report it to its author")
        found = {setting.name: value_text(setting, values[setting.name]) for setting in self.study.settings}
        for setting in self.study.settings:
            if setting.choices and found[setting.name] not in setting.choices:
                raise SegkitError(
                    f"searcher {self.name} gave {setting.name}={found[setting.name]}, which is none of its values",
                    "report it to its author",
                )
        return found

    def prunes(self, number: int, scores: Sequence[float | None]) -> bool:
        """Say what an epoch gave; returns whether the trial is to stop."""
        return bool(self.ask("report", number, scores)) if hasattr(self.searcher, "report") else False

    def tell(self, trial: Trial) -> None:
        """Say how a trial ended."""
        if hasattr(self.searcher, "tell"):
            self.ask("tell", trial)

    def ask(self, method: str, *values: Any) -> Any:
        """Call the searcher; raises SegkitError whatever it raises."""
        try:
            return getattr(self.searcher, method)(*values)
        except SegkitError:
            raise
        except Exception as error:  # a stranger's code, or its storage
            reason = told_in(error, package_of(self.searcher))
            hint = f"the same command goes on; {way_to_author(self.name.partition(':')[0])}"
            raise SegkitError(f"searcher {self.name}: {method} failed: {reason}", hint) from error


def find_searcher(name: str, settings: Mapping[str, Any], registry: Registry) -> tuple[Found | None, Any]:
    """Find a searcher and build its params; None is the core's own, which has none. Raises UsageError."""
    if name == RANDOM:
        if settings:
            raise UsageError(f"--set {SECTION}{next(iter(settings))}: searcher {RANDOM} has no params", "leave it out")
        return None, None
    if not registry.components("searcher"):
        raise UsageError(
            f"no searcher named {name!r}", f"there is {RANDOM}; tpe comes with segkit-optuna{registry.missing()}"
        )
    found = registry.find("searcher", name)
    return found, build(found.component.params, settings, f"searcher {found.full_name}")


def open_search(found: Found | None, params: Any, study: StudyInfo) -> Search:
    """Build a searcher for a study; raises SegkitError where its storage is not there or is another study's."""
    if found is None:
        return Search(RANDOM, RandomSearch(study), study)
    factory = found.load()
    try:
        return Search(found.full_name, factory(params)(study), study)
    except SegkitError:
        raise
    except Exception as error:
        hint = f"see whether its storage is there, or {way_to_author(found.plugin.name)}"
        reason = told_in(error, package_of(factory))
        raise SegkitError(f"searcher {found.full_name} cannot be used: {reason}", hint) from error

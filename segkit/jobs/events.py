"""Tell plugins what happens in a run; none of them can stop it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pluggy

from segkit.contracts import RunInfo
from segkit.files import parse_json
from segkit.jobs.culprit import package_of, told_in, way_to_author
from segkit.rundir.names import SUMMARY

FINISHED, STOPPED, FAILED = "finished", "stopped", "failed"


@dataclass
class Events:
    """The event hooks of the installed plugins.

    An implementation that raises is reported once and not called again; the run goes on, and the plugin's other hooks
    are called: one that fails in an epoch still hears of the end.

    Args:
        manager: the registry's plugin manager; None calls nobody.
        tell: told in a sentence which plugin failed.
    """

    manager: pluggy.PluginManager | None = None
    tell: Callable[[str], None] = lambda text: None
    run: RunInfo | None = None
    failed: set[tuple[str, str]] = field(default_factory=set)

    def emit(self, hook: str, **values: Any) -> None:
        """Call every implementation of a hook in turn, the plugins in the order of their names."""
        if self.manager is None or self.run is None:
            return
        values = {"run": self.run, **values}
        for found in reversed(getattr(self.manager.hook, hook).get_hookimpls()):
            if (found.plugin_name, hook) in self.failed:
                continue
            try:
                # Results are the command's own: what a plugin prints goes beside them.
                with contextlib.redirect_stdout(sys.stderr):
                    found.function(*(values[name] for name in found.argnames))
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # SystemExit, and whatever else a stranger's module may raise
                self.failed.add((found.plugin_name, hook))
                name = found.plugin_name.partition("/")[0]
                reason = told_in(error, package_of(found.function))
                self.tell(
                    f"plugin {name}: {hook} failed ({reason}); it is not called again in this run, "
                    f"{way_to_author(name)}"
                )

    @contextlib.contextmanager
    def during(self, run: RunInfo) -> Iterator[None]:
        """Tell that a run starts, and how it ends, with what is in its summary.json by then."""
        self.run = run
        self.emit("segkit_run_started")
        try:
            yield
        except BaseException as error:
            status = STOPPED if isinstance(error, KeyboardInterrupt) else FAILED
            self.emit("segkit_run_ended", status=status, summary={})
            raise
        written = run.folder / SUMMARY
        summary = parse_json(written.read_bytes()) if written.is_file() else {}
        self.emit("segkit_run_ended", status=FINISHED, summary=summary)

    def epoch_ended(self, record: Mapping[str, Any]) -> None:
        """Tell what an epoch gave: a line of history.jsonl."""
        self.emit("segkit_epoch_ended", record=record)


SILENT = Events()

"""What is installed: plugins by entry point, what each says of itself, and distributions that are damaged."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata

from segkit.declarations import Component
from segkit.errors import one_line
from segkit.version import __version__

GROUP = "segkit"
CORE = "segkit-core"
DISABLE_VARIABLE = "SEGKIT_DISABLE_PLUGINS"
CONTACTS = ("issue", "bug", "tracker", "source", "repository", "home")
"""What projects call the page where faults are reported, the best one first."""
ADDRESSES = ("Home-page", "Author-email", "Maintainer-email")
NEWER = re.compile(
    r"unexpected keyword argument|cannot import name .* from 'segkit|module 'segkit\S*' has no attribute"
)
"""What Python says where a plugin uses a name or a field that this segkit does not have."""
SLOW = 0.2
"""Seconds of a processor that importing a plugin may take before it is told: every command starts by so much slower."""
OTHER_GROUP = re.compile(r"^\[\s*(segkit[^\]]*)\]", re.MULTILINE)
UNNAMED = "unnamed"
"""What a distribution is called whose metadata give no name."""
DISABLE_ALL = {"1", "all"}
CORE_REQUIREMENT = re.compile(r"segkit[-_.]core(?![\w.-])(?P<range>[^;]*)(?P<marker>;.*)?\Z", re.IGNORECASE)
RELEASE = re.compile(r"\s*(<=|>=|==|!=|<|>)\s*(\d+(?:\.\d+)*)\s*\Z")


class ContractError(Exception):
    """A plugin breaks a rule of the contract."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass
class Plugin:
    """One entry point of an installed distribution, loaded or not.

    `name` is the distribution's name: pip keeps those unique, and it is what people type to install,
    disable or uninstall it.
    """

    name: str
    version: str
    entry_point: metadata.EntryPoint
    requires: tuple[str, ...] = ()
    components: list[Component] = field(default_factory=list)
    commands: dict[str, str] = field(default_factory=dict)
    disabled: bool = False
    error: BaseException | None = None
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def status(self) -> str:
        """Whether it can be used: "ok", "failed" or "disabled"."""
        if self.disabled:
            return "disabled"
        return "ok" if self.error is None else "failed"

    @property
    def reason(self) -> str:
        """Why it did not load, in one line; empty when it did."""
        if self.error is None:
            return ""
        text = message_of(self.error)
        if isinstance(self.error, ContractError):
            return text
        return f"{type(self.error).__name__}: {text}" if text else type(self.error).__name__

    @property
    def hint(self) -> str:
        """What to do about the reason; empty when there is none."""
        if self.error is None:
            return ""
        if isinstance(self.error, ContractError):
            return one_line(self.error.hint)
        if NEWER.search(message_of(self.error)):
            return (
                f"it may be written for a newer plugin API than this one's: pip install --upgrade {CORE}; "
                f"{DISABLE_VARIABLE}={self.name} silences it"
            )
        if isinstance(self.error, ImportError):
            return f"reinstall it with what it needs: pip install --force-reinstall {self.name}"
        return f"report it to its author; {DISABLE_VARIABLE}={self.name} silences it"


def contact_of(name: str) -> str:
    """Where the author of a distribution can be reached, as its metadata say; empty where they do not."""
    try:
        about = metadata.metadata(name)
        urls = dict(text.partition(", ")[::2] for text in about.get_all("Project-URL") or ())
    except Exception:  # of a distribution that is damaged, or is none
        return ""
    ranked = [url for label in CONTACTS for key, url in urls.items() if label in key.lower()]
    found = [*ranked, *(str(value) for key in ADDRESSES for value in about.get_all(key) or ())]
    return next((one_line(text) for text in found if text and text != "UNKNOWN"), "")


def message_of(error: BaseException | str) -> str:
    """What a stranger's exception or warning says, in one line; empty where it cannot even say that."""
    try:
        return one_line(str(error))
    except Exception:
        return ""


def installed_plugins() -> Iterator[Plugin]:
    """Yield the entry points of group "segkit"; of a distribution found twice the first on the path counts."""
    seen = set()
    # One by one, because metadata.entry_points() gives nothing at all where a single distribution's file is malformed.
    for distribution in metadata.distributions():
        text = read_text(distribution, "entry_points.txt")
        if f"[{GROUP}]" not in text:
            other = OTHER_GROUP.search(text)
            if other is not None:
                yield in_other_group(distribution, one_line(other[1]))
            continue
        name, version, requires = read_metadata(distribution)
        if canonical(name) in seen and name != UNNAMED:
            continue
        seen.add(canonical(name))
        try:
            points = list(distribution.entry_points.select(group=GROUP))
        except (ValueError, TypeError) as error:
            broken = metadata.EntryPoint(name="unreadable", value="entry_points.txt", group=GROUP)
            yield Plugin(name, version, broken, requires, error=error)
            continue
        yield from (Plugin(name, version, point, requires) for point in points)


def in_other_group(distribution: metadata.Distribution, group: str) -> Plugin:
    """Return a plugin that is never loaded, because its entry points are in a group that nobody reads."""
    name, version, requires = read_metadata(distribution)
    error = ContractError(
        f"its entry points are in group {group!r}, segkit reads {GROUP!r}",
        f'its author must write [project.entry-points.{GROUP}], or "{GROUP}" in whatever builds it',
    )
    return Plugin(name, version, metadata.EntryPoint(group, "", group), requires, error=error)


def damaged_distributions() -> Iterator[tuple[str, str]]:
    """Yield every installed distribution, plugin or not, whose entry points cannot be read, and why.

    PyTorch's compiler and others read those of all at once, and fail to import beside a single one of these.
    """
    for distribution in metadata.distributions():
        try:
            list(distribution.entry_points)
        except (ValueError, TypeError, OSError) as error:
            yield read_metadata(distribution)[0], f"its entry_points.txt cannot be read: {message_of(error)}"


def read_text(distribution: metadata.Distribution, name: str) -> str:
    """Return a file of a distribution's metadata; empty where there is none or the system cannot read it.

    Bytes that are no UTF-8 are replaced: whose entry points they garble is told by `metadata` itself, a little later.
    """
    try:
        return distribution.read_text(name) or ""
    except UnicodeDecodeError as error:
        return error.object.decode("utf-8", "replace")
    except OSError:
        # As `metadata` does where there is no file or it may not be read. On every path there are distributions that
        # are none of ours: one that is broken must not stop a command (issue 19).
        return ""


def read_metadata(distribution: metadata.Distribution) -> tuple[str, str, tuple[str, ...]]:
    """Return a distribution's name, version and requirements."""
    # Parsed by hand: the email parser behind Distribution.metadata costs more than the rest of discovery together.
    text = read_text(distribution, "METADATA") or read_text(distribution, "PKG-INFO")
    fields = [line.partition(": ") for line in text.partition("\n\n")[0].splitlines()]
    values = {key: value for key, _, value in reversed(fields)}
    requires = tuple(value for key, _, value in fields if key == "Requires-Dist")
    return one_line(values.get("Name", "")) or UNNAMED, one_line(values.get("Version", "")) or "unknown", requires


def check_version(plugin: Plugin) -> list[str]:
    """Return a note where a plugin states no range of core versions; raises ContractError where this one is outside."""
    ranges = []
    for text in plugin.requires:
        found = CORE_REQUIREMENT.match(text)
        if found is None or not found["range"].strip(" ()"):
            continue
        ranges.append(found["range"])
        if not includes(text, found["range"].strip(" ()"), __version__, simple=not found["marker"]):
            raise ContractError(
                f"it asks for {CORE}{found['range'].strip()}, this is {__version__}",
                f"pip install --upgrade {plugin.name} {CORE}",
            )
    if ranges and not any(sign in text for text in ranges for sign in ("<", "==", "~=")):
        return [f"does not say up to which {CORE} it works: it should require {CORE}>=X,<Y"]
    return [] if ranges else [f"does not say which {CORE} it works with: it should require {CORE}>=X,<Y"]


def includes(requirement: str, versions: str, core: str, *, simple: bool) -> bool:
    """Whether a requirement on the core's versions, such as ">=0.1,<0.2", holds for version `core`."""
    clauses = [RELEASE.match(clause) for clause in versions.split(",")]
    if simple and re.fullmatch(r"\d+(\.\d+)*", core) and None not in clauses:
        # The usual form is compared by hand: importing `packaging` costs a quarter of a command's start.
        return all(holds(core, found[1], found[2]) for found in clauses if found)
    from packaging.requirements import Requirement

    parsed = Requirement(requirement)
    if parsed.marker is not None and not parsed.marker.evaluate({"extra": ""}):
        return True
    return parsed.specifier.contains(core, prereleases=True)


def holds(version: str, operator: str, limit: str) -> bool:
    """Compare two release numbers, the shorter one filled up with zeros."""
    left, right = ([int(part) for part in text.split(".")] for text in (version, limit))
    length = max(len(left), len(right))
    left, right = left + [0] * (length - len(left)), right + [0] * (length - len(right))
    return {
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
        "==": left == right,
        "!=": left != right,
    }[operator]


def canonical(name: str) -> str:
    """Normalise a distribution's name as pip does."""
    return re.sub(r"[-_.]+", "-", name).lower()


def disabled_plugins() -> set[str]:
    """The distributions named in SEGKIT_DISABLE_PLUGINS; "all" and "1" stand for every one."""
    names = os.environ.get(DISABLE_VARIABLE, "").split(",")
    return {canonical(name.strip()) for name in names if name.strip()}

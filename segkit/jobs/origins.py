"""Whether a plugin's distribution brought the module that it names: another's would speak in its name."""

from __future__ import annotations

import importlib.util
import json
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

from segkit.declarations.installed import Plugin


def foreign_module(plugin: Plugin) -> str:
    """Say where a plugin's module is from where its distribution did not install it; "" where it did or nobody can say.

    Nothing is imported for it: the module is only looked for.
    """
    root = plugin.entry_point.value.partition(":")[0].partition(".")[0]
    try:
        installed = metadata.distribution(plugin.name)
        found = importlib.util.find_spec(root)
    except (metadata.PackageNotFoundError, ImportError, ValueError):
        return ""  # not installed at all, or not importable: told elsewhere
    if found is None or found.origin is None:
        return ""
    origin = Path(found.origin).resolve()
    files = installed.files or []
    if any(Path(str(file.locate())).resolve() == origin for file in files):
        return ""
    source = source_folder(installed)
    if source is not None and origin.is_relative_to(source):
        return ""
    owners = sorted(set(metadata.packages_distributions().get(root, ())) - {plugin.name})
    whose = f"that of {', '.join(owners)}" if owners else "of no distribution"
    return f"its module {root} is not its own but {whose}"


def source_folder(installed: metadata.Distribution) -> Path | None:
    """Return the folder that a distribution was installed from in place (pip install -e); None where it was not."""
    try:
        told = json.loads(installed.read_text("direct_url.json") or "null")
        editable, url = told["dir_info"].get("editable"), urlsplit(told["url"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return Path(unquote(url.path)).resolve() if editable and url.scheme == "file" else None

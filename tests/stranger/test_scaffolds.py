"""Packages that `segkit new` of version 0.1 wrote (commit 49583d4, API 1.0): they go on working unchanged."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

SCAFFOLDS = sorted((Path(__file__).parent / "scaffolds-0.1").iterdir())


@pytest.fixture(scope="module")
def site(install_wheels):
    """Install all of them."""
    return install_wheels(SCAFFOLDS)


def test_they_load_without_a_note(site, segkit_beside):
    """Nothing that they use was removed, nor is it to be."""
    report = json.loads(segkit_beside(site, "plugins", "--json").stdout)
    found = {plugin["distribution"]: plugin for plugin in report["plugins"]}
    for folder in SCAFFOLDS:
        own = found[folder.name]
        assert (own["status"], own["notes"], own["hint"]) == ("ok", [], ""), folder.name


@pytest.mark.full
def test_they_train_score_and_explain_together(site, segkit_beside, tmp_path):
    """One job of all five."""
    named = ("--arch", "old-arch", "--data", "old-data", "--loss", "old-loss", "--metric", "old-metric")
    options = ("--epochs", "1", "--device", "cpu", "--output", str(tmp_path / "run"), "--json")
    done = segkit_beside(
        site, "run", *named, "--explain", "old-explainer", *options, SEGKIT_CACHE=str(tmp_path / "cache")
    )
    assert done.returncode == 0, done.stderr
    used = {item["name"] for item in json.loads(done.stdout)["components"]}
    assert {f"{folder.name}:{folder.name.removeprefix('segkit-')}" for folder in SCAFFOLDS} <= used


@pytest.mark.full
@pytest.mark.parametrize("folder", SCAFFOLDS, ids=lambda folder: folder.name)
def test_they_pass_the_checks_of_today(site, segkit_beside, folder):
    """What came right out of the template is held against nothing that it was not told."""
    done = segkit_beside(os.fspath(site), "check", folder.name)
    assert done.returncode == 0, done.stdout + done.stderr

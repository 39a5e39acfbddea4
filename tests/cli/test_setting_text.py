"""`--set` completes: settings by name, and the values that can be listed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete

from segkit.cli.main import main
from segkit.cli.setting_text import SECTIONS_OF_CORE, SETTING, parted
from segkit.settings import SECTIONS


def offered(incomplete, *words):
    """What click's own machinery offers after `segkit WORDS...`."""
    return [
        item.value
        for item in ShellComplete(main, {}, "segkit", "_SEGKIT_COMPLETE").get_completions([*words], incomplete)
    ]


RUN = ("run", "--set")


@pytest.mark.parametrize(
    ("words", "incomplete", "expected"),
    [
        (RUN, "train.opt", ["train.optimizer="]),
        (RUN, "train.epochs", ["train.epochs="]),
        (RUN, "arch.w", ["arch.width="]),
        (RUN, "arch.", ["arch.width=", "arch.norm=", "arch.size="]),
        (RUN, "data.zz", []),
        (RUN, "data.mo", ["data.mode="]),
        (RUN, "none.of", []),
        (RUN, "arch.norm=", ["arch.norm=none", "arch.norm=batch"]),
        (RUN, "arch.norm=b", ["arch.norm=batch"]),
        (RUN, "arch.size=", ["arch.size=none"]),
        (RUN, "arch.width=", []),
        (RUN, "run.profile=", ["run.profile=true", "run.profile=false"]),
        (RUN, "run.autocast=b", ["run.autocast=bfloat16"]),
        (RUN, "train.optimizer=ada", ["train.optimizer=adam", "train.optimizer=adamw"]),
        (RUN, "components.arch=n", ["components.arch=net"]),
        (RUN, "components.metrics=overlap,d", ["components.metrics=overlap,distance"]),
        (("run", "--arch", "net", "--set"), "arch.w", ["arch.width="]),
        (("run", "--arch", "another", "--set"), "arch.w", []),
        (("run", "--set", "train.epochs=2", "--set"), "arch.norm=n", ["arch.norm=none"]),
        (("compare", "--set"), "net:arch.w", ["net:arch.width="]),
        (("compare", "--vary"), "arch.norm=b", ["arch.norm=batch"]),
        (("sweep", "--vary"), "arch.norm=none,b", ["arch.norm=none,batch"]),
        (("data", "info", "volumes", "--set"), "", ["data."]),
        (("export", "--set"), "zz", []),
        (("train", "--set"), "train.opt", ["train.optimizer="]),
        (("evaluate", "--set"), "evaluate.spl", ["evaluate.split="]),
    ],
)
def test_settings_are_offered(plugins, words, incomplete, expected):
    """Fields of the core and params of what is installed, or of the line names; values of choices; a list's last."""
    assert offered(incomplete, *words) == expected


def test_nothing_typed_offers_the_sections(plugins):
    """Each once, the core's first; every one leads on."""
    found = offered("", *RUN)
    assert found[: len(SECTIONS)] == [f"{name}." for name in SECTIONS]
    assert {"arch.", "loss.", "metric.", "launcher."} <= set(found)
    assert len(found) == len(set(found))


def test_names_of_sections_are_the_core_s():
    """What is imported only where it is meant is named rightly."""
    assert list(SECTIONS_OF_CORE) == list(SECTIONS)


def test_help_says_what_a_setting_is(plugins):
    """Shells that show help show the field's sentence."""
    found = ShellComplete(main, {}, "segkit", "_SEGKIT_COMPLETE").get_completions([*RUN], "arch.wi")
    assert [item.help for item in found] == ["Channels of the first level."]


def test_a_setting_is_told_in_its_parts():
    """The owner with its colon, the name, the value or None."""
    assert parted("arch.depth") == ("", "arch.depth", None)
    assert parted("net:arch.depth=4=5") == ("net:", "arch.depth", "4=5")


def test_what_is_given_stays_as_it_is():
    """Nothing is checked while options are read; the settings' own errors name them."""
    assert SETTING.convert("anything", None, None) == "anything"


def asked(words, cursor, shell="bash"):
    """What the real command answers, and whether torch was imported for it."""
    environ = {"_SEGKIT_COMPLETE": f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": str(cursor)}
    code = (
        "import sys; from segkit.cli import main\n"
        "try: main(prog_name='segkit')\n"
        "finally: print(sorted({'torch', 'numpy', 'rich', 'jinja2'} & {*sys.modules}), file=sys.stderr)"
    )
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **environ}, check=False
    )


@pytest.mark.parametrize(
    ("words", "cursor", "first"),
    [
        ("segkit run --arch unet --set arch.wi", 5, "plain,arch.width="),
        ("segkit run --set run.autocast = bf", 5, "plain,bfloat16"),
        ("segkit run --set run.autocast =", 4, "plain,auto"),
        ("segkit info segkit-unet : un", 4, "plain,unet"),
        ("segkit run --arch = segkit-unet : un", 6, "plain,unet"),
    ],
)
def test_bash_is_answered(words, cursor, first):
    """With what it breaks at = and colon put together, and only what comes after the break; torch is not imported."""
    answer = asked(words, cursor)
    assert answer.stdout.splitlines()[0] == first
    assert answer.stderr == "[]\n"


def test_other_shells_get_the_whole_word():
    """zsh does not break words."""
    answer = asked("segkit run --set run.autocast=bf", 3, "zsh")
    assert answer.stdout.splitlines()[:2] == ["plain", "run.autocast=bfloat16"]


def test_bash_takes_the_script():
    """The words that users put into their profile are a script that bash can read, and that leaves no space after =."""
    environ = {**os.environ, "_SEGKIT_COMPLETE": "bash_source"}
    code = "from segkit.cli import main; main(prog_name='segkit')"
    script = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=False
    ).stdout
    assert "compopt -o nospace" in script
    assert script.rstrip().endswith("_segkit_completion_setup;")
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0

"""Completion in bash, which takes `arch.depth=4` and `segkit-unet:unet` for three words each."""

from __future__ import annotations

import os

from click.shell_completion import BashComplete, CompletionItem, add_completion_class, split_arg_string

BREAKS = "=:"
"""Signs that end a word in bash and none in the command (COMP_WORDBREAKS)."""
NO_SPACE = """\
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
    return 0
"""
"""After `arch.depth=` comes its value."""


class WholeWords(BashComplete):
    """Puts broken words together, and answers with what comes after the last break."""

    source_template = BashComplete.source_template.replace("    return 0\n", NO_SPACE)

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the cursor, and the one that is being typed, whole."""
        words = split_arg_string(os.environ["COMP_WORDS"])
        cursor = int(os.environ["COMP_CWORD"])
        whole = glued([*words[1:cursor], *(words[cursor : cursor + 1] or [""])])
        return whole[:-1], whole[-1]

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """Return the candidates, each without what bash holds for words of its own."""
        found = super().get_completions(args, incomplete)
        before = incomplete[: max(map(incomplete.rfind, BREAKS)) + 1]
        value = before.partition("=")[2] if before.startswith("-") else before
        for item in found:
            item.value = item.value.removeprefix(value)
        return found


def glued(words: list[str]) -> list[str]:
    """Put words together that bash broke at = or a colon."""
    whole: list[str] = []
    joins = False
    for word in words:
        breaks = bool(word) and not word.strip(BREAKS)
        if whole and (breaks or joins):
            whole[-1] += word
        else:
            whole.append(word)
        joins = breaks
    return whole


def register() -> None:
    """Let click complete in bash so."""
    add_completion_class(WholeWords)

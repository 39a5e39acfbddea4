"""The small changes that a module can have."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
FLIPPED = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
EXCHANGED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult}
NOT_EXCHANGED = ("isinstance", "SegkitError", "UsageError", "suppress")


@dataclass
class Change:
    """One change that can be made to a parsed module.

    Attributes:
        function: the first line of the innermost function around it, as code objects have it; 0 outside of any.
        make: makes it, in the tree that it was found in.
    """

    path: str
    number: int
    line: int
    function: int
    what: str
    make: Callable[[], None]

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


@dataclass
class Finder:
    """Lists the changes that a module can have, always in the same order."""

    path: str
    found: list[Change] = field(default_factory=list)

    def look(self, tree: ast.Module) -> list[Change]:
        """List them."""
        self.block(tree.body, 0)
        return self.found

    def add(self, node: ast.AST, function: int, what: str, make: Callable[[], None]) -> None:
        """Note one."""
        self.found.append(Change(self.path, len(self.found), node.lineno, function, what, make))

    def block(self, body: list[ast.stmt], function: int) -> None:
        """Look at the statements of a block."""
        for place, statement in enumerate(body):
            self.removal(body, place, function)
            self.visit(statement, function)

    def removal(self, body: list[ast.stmt], place: int, function: int) -> None:
        """A call, a raise, a continuation or an addition that is left out."""
        statement = body[place]
        called = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call | ast.Yield | ast.YieldFrom)
        if function and (called or isinstance(statement, ast.Raise | ast.AugAssign | ast.Continue | ast.Break)):
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Yield):
                return  # a context manager without its yield says nothing of the block
            empty = ast.copy_location(ast.Pass(), statement)
            self.add(statement, function, f"left out: {shown(statement)}", lambda: body.__setitem__(place, empty))

    def visit(self, node: ast.AST, function: int) -> None:
        """Look at a node and what is below it."""
        if isinstance(node, ast.Assert):
            return
        if isinstance(node, ast.FunctionDef):
            self.body(node, min([node.lineno, *(one.lineno for one in node.decorator_list)]))
            return
        if isinstance(node, ast.ClassDef):
            self.block(node.body, function)
            return
        self.of_node(node, function)
        for name, value in ast.iter_fields(node):
            if name == "annotation":
                continue
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                self.block(value, function)
            elif isinstance(value, list):
                for one in value:
                    if isinstance(one, ast.AST):
                        self.visit(one, function)
            elif isinstance(value, ast.AST):
                self.visit(value, function)

    def body(self, node: ast.FunctionDef, function: int) -> None:
        """Look at a function: its defaults and its statements."""
        for default in (*node.args.defaults, *(one for one in node.args.kw_defaults if one is not None)):
            self.visit(default, function)
        self.block(node.body, function)

    def of_node(self, node: ast.AST, function: int) -> None:
        """The changes that a node itself can have."""
        if isinstance(node, ast.If | ast.While | ast.IfExp):
            self.condition(node, function)
        elif isinstance(node, ast.comprehension):
            for place, test in enumerate(node.ifs):
                self.add(test, function, f"filter turned: {shown(test)}", lambda p=place: turn_filter(node, p))
        elif isinstance(node, ast.Compare):
            for place, operator in enumerate(node.ops):
                other = FLIPPED[type(operator)]
                said = f"{type(operator).__name__} is {other.__name__}: {shown(node)}"
                self.add(node, function, said, lambda p=place, o=other: node.ops.__setitem__(p, o()))
        elif isinstance(node, ast.BoolOp):
            other = ast.Or if isinstance(node.op, ast.And) else ast.And
            self.add(node, function, f"{other.__name__}: {shown(node)}", lambda: setattr(node, "op", other()))
        elif isinstance(node, ast.BinOp) and type(node.op) in EXCHANGED:
            other = EXCHANGED[type(node.op)]
            self.add(node, function, f"{other.__name__}: {shown(node)}", lambda: setattr(node, "op", other()))
        elif isinstance(node, ast.Constant) and type(node.value) in (bool, int, float):
            other = not node.value if isinstance(node.value, bool) else node.value + 1
            self.add(node, function, f"{node.value} is {other}", lambda: setattr(node, "value", other))
        elif isinstance(node, ast.Return) and node.value is not None and shown(node.value) != "None":
            none = ast.copy_location(ast.Constant(None), node.value)
            self.add(node, function, f"None: {shown(node)}", lambda: setattr(node, "value", none))
        elif isinstance(node, ast.Call):
            self.of_call(node, function)

    def condition(self, node: ast.If | ast.While | ast.IfExp, function: int) -> None:
        """A condition that is turned around."""

        def turn() -> None:
            node.test = ast.copy_location(ast.UnaryOp(ast.Not(), node.test), node.test)

        self.add(node.test, function, f"condition turned: {shown(node.test)}", turn)

    def of_call(self, node: ast.Call, function: int) -> None:
        """The first two arguments exchanged; a keyword left out."""
        places = [place for place, one in enumerate(node.args) if not isinstance(one, ast.Starred)]
        name = shown(node.func)
        # One call in four: there are more of them than of all else, and most end as a TypeError.
        if places[:2] == [0, 1] and node.lineno % 4 == 0 and name not in NOT_EXCHANGED:
            self.add(node, function, f"arguments exchanged: {shown(node)}", lambda: exchange(node.args))
        for place, keyword in enumerate(node.keywords):
            if keyword.arg not in (None, "strict", "key", "encoding") and function:
                said = f"{keyword.arg}= left out: {shown(node)}"
                self.add(node, function, said, lambda p=place: node.keywords.pop(p))
        node.keywords[:] = [one for one in node.keywords if one.arg != "strict"]


def turn_filter(node: ast.comprehension, place: int) -> None:
    """Turn one condition of a comprehension around."""
    node.ifs[place] = ast.copy_location(ast.UnaryOp(ast.Not(), node.ifs[place]), node.ifs[place])


def exchange(arguments: list[ast.expr]) -> None:
    """Exchange the first two."""
    arguments[0], arguments[1] = arguments[1], arguments[0]


def shown(node: ast.AST) -> str:
    """A node in one short line."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 70 else text[:67] + "..."


def changes_of(path: str) -> tuple[ast.Module, list[Change]]:
    """Parse a module and list its changes."""
    tree = ast.parse((PROJECT / path).read_text(encoding="utf-8"))
    return tree, Finder(path).look(tree)

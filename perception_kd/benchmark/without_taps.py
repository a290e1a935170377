"""The package's code as it would be had nobody marked a tap."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import CodeType, FunctionType, ModuleType

from perception_kd.distill import taps

MARK = taps.tap.__name__


def stripped_functions() -> dict[FunctionType, CodeType]:
    """The functions of all modules loaded from ``perception_kd`` that mark taps, each with its code without them:
    ``value`` where its source has ``tap(name, value)``, nothing where that is a statement.

    Raises:
        ValueError: a module marks taps where this does not find them.
    """
    return {function: code for module in _tapped_modules() for function, code in _stripped_code(module).items()}


@contextmanager
def running(codes: Mapping[FunctionType, CodeType]) -> Iterator[None]:
    """Inside of the block the functions run these codes; objects that have them stay the same."""
    before = {function: function.__code__ for function in codes}
    try:
        for function, code in codes.items():
            function.__code__ = code
        yield
    finally:
        for function, code in before.items():
            function.__code__ = code


class _Strip(ast.NodeTransformer):
    """``tap(name, value)`` -> ``value``, or nothing."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        return ast.copy_location(ast.Pass(), node) if _marks(node.value) else self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        return node.args[1] if _marks(node) else node


def _marks(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == MARK


def _tapped_modules() -> list[ModuleType]:
    """Those that have imported ``tap`` by its name."""
    return [module for name, module in sorted(sys.modules.items())
            if name.startswith('perception_kd.') and module is not taps and vars(module).get(MARK) is taps.tap]


def _stripped_code(module: ModuleType) -> dict[FunctionType, CodeType]:
    source, file = inspect.getsource(module), str(module.__file__)
    codes = [compile(tree, file, 'exec', dont_inherit=True)
             for tree in (ast.parse(source), ast.fix_missing_locations(_Strip().visit(ast.parse(source))))]
    wanted = dict(_differing(*codes))
    found = {function: wanted[function.__code__] for function in _functions(module) if function.__code__ in wanted}
    if len(found) != len(wanted):
        raise ValueError(f'{module.__name__}: taps are marked in {len(wanted)} functions, {len(found)} of them were '
                         'found in its namespace')
    return found


def _differing(plain: CodeType, stripped: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Functions in the code of a module or class, as they are and stripped, where that is not the same."""
    inner = [[part for part in code.co_consts if isinstance(part, CodeType)] for code in (plain, stripped)]
    for one, other in zip(*inner):
        if one.co_flags & inspect.CO_NEWLOCALS and one.co_flags & inspect.CO_OPTIMIZED:
            if one != other:
                yield one, other
        else:  # the body of a class
            yield from _differing(one, other)


def _functions(holder: ModuleType | type) -> Iterator[FunctionType]:
    """Functions and methods that are defined in a module, behind whatever decorates them."""
    for value in list(vars(holder).values()):
        if isinstance(value, type) and value.__module__ == getattr(holder, '__module__', holder.__name__):
            yield from _functions(value)
        value = value.fget if isinstance(value, property) else getattr(value, '__func__', value)
        if inspect.isroutine(value) and isinstance(plain := inspect.unwrap(value), FunctionType):
            yield plain

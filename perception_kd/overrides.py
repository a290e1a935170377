"""``--cfg-options``: overrides of a config on a command line."""

from __future__ import annotations

from argparse import ArgumentError, ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import DictAction


class OverrideAction(DictAction):
    """mmengine's, with a line that names the word which is no KEY=VALUE."""

    def __call__(self, parser: ArgumentParser, namespace: Namespace, values: str | Sequence[Any] | None,
                 option_string: str | None = None) -> None:
        """Add the words to the overrides of ``namespace``, which are empty where an option may stand without words.

        Raises:
            ArgumentError: a word without a key, with brackets that do not match, or with a dictionary.
        """
        if not values:
            setattr(namespace, self.dest, getattr(namespace, self.dest, None) or {})
        for word in values or ():
            key, equals, _ = word.partition('=')
            if not key or not equals:
                raise ArgumentError(self, f'{word!r} is not of the form KEY=VALUE')
            try:
                super().__call__(parser, namespace, [word], option_string)
            except AssertionError as error:
                raise ArgumentError(self, f'{word!r}: {error}') from None
            except RecursionError:
                raise ArgumentError(self, f'{word!r} is more than a list of words and numbers; write it into a config '
                                          'file') from None


def named_overrides(groups: Sequence[Sequence[str]], option: str) -> dict[str, dict[str, Any]]:
    """Groups ``NAME KEY=VALUE ...`` of a repeated option as overrides by name.

    Raises:
        ValueError: A name without an override, a name twice, or a word that is not KEY=VALUE.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, *words in groups:
        if name in found or '=' in name or not words:
            raise ValueError(f'{option} takes a name and its KEY=VALUE words, once for each name; got '
                             f'{" ".join([name, *words])!r}')
        parser = ArgumentParser(prog=option, add_help=False, exit_on_error=False)
        parser.add_argument('words', nargs='+', action=OverrideAction)
        try:
            found[name] = parser.parse_args(list(words)).words
        except ArgumentError as error:
            raise ValueError(f'{option} {name}: {error.message}') from None
    return found


def named_values(words: Sequence[str], option: str, kind: Callable[[str], Any] = str) -> dict[str, Any]:
    """Words ``NAME=VALUE`` as values by name.

    Args:
        words: Of a command line.
        option: For messages.
        kind: Reads a value.

    Raises:
        ValueError: A word of another form, or a name twice.
    """
    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition('=')
        if not (name and equals and value):
            raise ValueError(f'{option}: {word!r} is not of the form NAME=VALUE')
        if name in found:
            raise ValueError(f"{option}: '{name}' comes twice")
        try:
            found[name] = kind(value)
        except ValueError:
            raise ValueError(f'{option}: {value!r} in {word!r} is no {kind.__name__}') from None
    return found


def named_files(words: Sequence[str], option: str) -> dict[str, str]:
    """Words ``[NAME=]PATH`` as paths by name; a path without one has the name of its file.

    Raises:
        ValueError: Two have one name.
    """
    found: dict[str, str] = {}
    for word in words:
        name, equals, path = word.partition('=')
        if not equals or '/' in name:
            name, path = Path(word).stem, word
        if name in found:
            raise ValueError(f"{option}: '{name}' comes twice; write NAME={path}")
        found[name] = path
    return found

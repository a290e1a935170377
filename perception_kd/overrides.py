"""``--cfg-options``: overrides of a config on a command line."""

from __future__ import annotations

from argparse import ArgumentError, ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from mmengine.config import DictAction


class OverrideAction(DictAction):
    """mmengine's, with a line that names the word which is no KEY=VALUE."""

    def __call__(self, parser: ArgumentParser, namespace: Namespace, values: str | Sequence[Any] | None,
                 option_string: str | None = None) -> None:
        """Add the words to the overrides of ``namespace``.

        Raises:
            ArgumentError: a word without a key, with brackets that do not match, or with a dictionary.
        """
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

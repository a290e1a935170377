"""The interface of connectors, and the two that change nothing by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from perception_kd.distill.parts import build_part
from perception_kd.registry import CONNECTORS
from perception_kd.structures import TapSpec


class Connector(nn.Module):
    """A module on the student's side of a pair.

    A subclass takes real values in its constructor; :meth:`arguments` reads those that the declarations of
    the two taps settle, so that a config need not repeat them.
    """

    @classmethod
    def arguments(cls, source: TapSpec, target: TapSpec) -> dict[str, Any]:
        """Constructor arguments that follow from what comes in (``source``) and is wanted (``target``)."""
        return {}

    def result(self, source: TapSpec) -> TapSpec:
        """Declaration of the output, given the declaration of the input."""
        return source

    def inside(self) -> Tensor | None:
        """``(1, 1, ny, nx)`` of 0 and 1: cells of the output that the input covers; None for all of them."""
        return None


@CONNECTORS.register_module()
class Identity(Connector):
    """The student's tap as it is."""

    def forward(self, value: Any) -> Any:
        """Returns ``value``."""
        return value


class Chain(Connector):
    """Connectors one after another. In a config: a list in the pair's ``connector``."""

    def __init__(self, *, links: Sequence[Connector]) -> None:
        super().__init__()
        self.links = nn.ModuleList(links)

    def result(self, source: TapSpec) -> TapSpec:
        """The declaration after the last link."""
        for link in self.links:
            source = link.result(source)
        return source

    def inside(self) -> Tensor | None:
        """The region of the link that restricts it; links after a resampling keep its grid."""
        regions = [region for region in (link.inside() for link in self.links) if region is not None]
        return regions[-1] if regions else None

    def forward(self, value: Any) -> Any:
        """Apply the links in order."""
        for link in self.links:
            value = link(value)
        return value


class SharedConnector(Connector):
    """The connector of another pair, which holds its weights; both pairs teach them. It reads the same tap.

    In a config ``dict(type='ConnectorOf', pair=NAME, otherwise=CONNECTOR)``: an adversary that judges what a hint has
    made comparable, for instance. ``otherwise`` is built where that pair is left out.

    Args:
        owner: The other pair's.
    """

    def __init__(self, *, owner: Connector) -> None:
        super().__init__()
        self._owner = (owner,)  # no sub-module: an optimiser must not find weights twice

    def result(self, source: TapSpec) -> TapSpec:
        """As the owner's."""
        return self._owner[0].result(source)

    def inside(self) -> Tensor | None:
        """As the owner's."""
        return self._owner[0].inside()

    def forward(self, value: Any) -> Any:
        """As the owner's."""
        return self._owner[0](value)


def build_connector(
    cfg: dict | Sequence[dict] | Connector | None, source: TapSpec, target: TapSpec
) -> Connector:
    """Build a connector from a config, filling in what the declarations settle.

    Args:
        cfg: None for :class:`Identity`, a dict with ``type``, a ready connector, or a list of these or of lists.
        source: Declaration of the student tap.
        target: Declaration of the teacher tap.
    """
    if cfg is None:
        return Identity()
    if isinstance(cfg, Connector):
        return cfg
    if not isinstance(cfg, (list, tuple)):
        return _build_link(cfg, source, target)
    links = []
    for part in cfg:
        links.append(build_connector(part, source, target))
        source = links[-1].result(source)
    return Chain(links=links)


def _build_link(cfg: dict | str, source: TapSpec, target: TapSpec) -> Connector:
    return build_part(CONNECTORS, cfg, 'connector', defaults=lambda kind: kind.arguments(source, target))

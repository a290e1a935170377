"""What a search is told: the ``search`` section of a config."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, Literal

from mmengine.config import Config

from perception_kd.engine.build import require

DTYPES = ('float32', 'bf16', 'fp16')


@dataclass(frozen=True, kw_only=True)
class LatencySettings:
    """Where and how latency is measured.

    Args:
        device: ``cpu`` or ``cuda``.
        dtype: ``float32``, or autocast to ``bf16`` or ``fp16``.
        size: Height and width of the model's pictures, px; None: those of the validation data.
        threads: Of torch on the CPU; None: as torch has them.
        runs, warm_up: Runs of every block that are timed, and before those.
    """

    device: str = 'cpu'
    dtype: str = 'float32'
    size: tuple[int, int] | None = None
    threads: int | None = None
    runs: int = 30
    warm_up: int = 3

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ValueError(f'search.latency.dtype is one of {", ".join(DTYPES)}, got {self.dtype!r}')
        if self.runs < 1 or self.warm_up < 0:
            raise ValueError(f'search.latency: 1 run or more after 0 or more, got {self.runs} after {self.warm_up}')


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """A search.

    Args:
        space: Config of a search space (registry ``SEARCH_SPACES``).
        metric: Name of a figure as the evaluator gives it; its prefix (``stereo/``) may be left out.
        better: Whether ``lower`` or ``higher`` figures are better.
        iterations: Training steps of the candidates of a block, all of them at once.
        candidates: Of each block.
        latency: Arguments of :class:`LatencySettings`.
        validation: Which data the candidates are scored on; see ``heldout.hold_out``.
        budget: Latency of the whole student, ms; None: only ``--budget`` or ``--sweep`` tell.
        pairs_to_check: Random combinations whose predicted and measured scores are compared.
        least_rho: Spearman's rho between these, below which the search stops.
        top: Best combinations of a budget that are measured; the best one by measurement is taken.
        seed: Of candidates and combinations.
    """

    space: Mapping[str, Any]
    metric: str
    better: Literal['lower', 'higher']
    iterations: int
    candidates: int = 6
    latency: Mapping[str, Any] = field(default_factory=dict)
    validation: Mapping[str, Any] = field(default_factory=dict)
    budget: float | None = None
    pairs_to_check: int = 10
    least_rho: float = 0.5
    top: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        if self.better not in ('lower', 'higher'):
            raise ValueError(f"search.better is 'lower' or 'higher', got {self.better!r}")
        for name, least in (('candidates', 1), ('iterations', 1), ('top', 1), ('pairs_to_check', 10)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise ValueError(f'search.{name} is a whole number of at least {least}, got {value!r}')
        object.__setattr__(self, 'latency', _made(LatencySettings, self.latency, 'search.latency'))

    @classmethod
    def of(cls, cfg: Config) -> SearchSettings:
        """From a config's ``search``.

        Raises:
            ValueError: it has none, or one that does not fit.
        """
        require(cfg, 'model', 'search')
        return _made(cls, cfg.to_dict()['search'], f'config {cfg.filename}: search')


def check_arguments(what: Callable, given: Mapping[str, Any], where: str, beside: Sequence[str] = ()) -> None:
    """See that settings are those that something takes.

    Args:
        what: Takes them as named arguments.
        given: Settings by name.
        where: They stand in the config.
        beside: Arguments that are no settings.

    Raises:
        ValueError: a setting is missing or unknown.
    """
    known = {name: one for name, one in signature(what).parameters.items() if name not in beside}
    unknown = sorted(set(given) - set(known))
    missing = [name for name, one in known.items() if one.default is one.empty and name not in given]
    if unknown or missing:
        trouble = f'does not take {", ".join(unknown)}' if unknown else f'lacks {", ".join(missing)}'
        raise ValueError(f'{where} {trouble}; it takes {", ".join(known)}')


def _made(kind: type, given: Mapping[str, Any], where: str) -> Any:
    check_arguments(kind, given, where)
    return kind(**given)

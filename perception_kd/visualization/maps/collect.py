"""All maps of a sample, or averaged over many, from a config and its checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from numpy.typing import NDArray

from perception_kd.distill.pair import Pair
from perception_kd.visualization.maps.bev_map import BEVMap
from perception_kd.visualization.maps.models import build_pair_of_models
from perception_kd.visualization.maps.observe import Observation, PairView, observe, run_teachers
from perception_kd.visualization.maps.pair_maps import mean_view, meaning, pair_maps
from perception_kd.visualization.maps.samples import Sample, SampleSource
from perception_kd.visualization.maps.student_maps import mean_student, student_maps


@dataclass(frozen=True)
class MapSet:
    """Maps of one sample, or the mean over several.

    Args:
        name: For files: ``sample3``, ``average``.
        note: What it is of, for people.
        pairs: By pair, maps as of ``pair_maps``.
        student: By tap, maps as of ``student_maps``.
        facts: By pair, lines about it.
        left_out: Pairs without maps, and why.
        grid2ego: (4, 4) from the frame of the grids to the vehicle's.
        outlines: (N, 4, 2) true boxes on the ground, vehicle's frame, m.
    """

    name: str
    note: str
    pairs: dict[str, dict[str, BEVMap]]
    student: dict[str, tuple[BEVMap, ...]]
    facts: dict[str, list[str]]
    left_out: dict[str, str]
    grid2ego: NDArray[np.float64]
    outlines: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 4, 2)))

    @property
    def maps(self) -> list[BEVMap]:
        """All of them."""
        of_pairs = [shown for maps in self.pairs.values() for shown in maps.values()]
        return of_pairs + [shown for maps in self.student.values() for shown in maps]


class MapCollector:
    """A config's model before and after training, and its samples.

    Args:
        cfg: Of a distiller (with its teachers' checkpoints) or of a bare student.
        checkpoint: Weights after training.
        before: Weights before it; None: those that the config's seed draws.
        split: ``train``, ``val`` or ``test``.

    Raises:
        FileNotFoundError, ValueError: a file is missing or does not fit; see ``build_pair_of_models`` and
            ``SampleSource``.
    """

    def __init__(
        self, cfg: Config, checkpoint: str | Path, *, before: str | Path | None = None, split: str = 'val'
    ) -> None:
        self.source = SampleSource(cfg, split)
        self.before, self.after, self.unlearned = build_pair_of_models(cfg, checkpoint, before)
        seed = (cfg.get('randomness') or {}).get('seed') or 0
        self.why_unlearned = f'{_short(checkpoint)} holds a student alone, without the connector that this pair learned'
        first = before or cfg.get('load_from')
        origin = f'weights of {_short(first)}' if first else f'the weights that seed {seed} draws'
        self.origin = f'Before training: {origin}. After: {_short(checkpoint)}.'

    @property
    def device(self) -> torch.device:
        """Of both models."""
        return self.after.data_preprocessor.device

    @property
    def student_name(self) -> str:
        """Of its class."""
        return type(getattr(self.after, 'student', self.after)).__name__

    def sample(self, which: str | int) -> MapSet:
        """Maps of one sample.

        Raises:
            ValueError: no such sample.
        """
        sample = self.source.load(self.source.number(which), self.device)
        before, after = self._seen(sample)
        name = ' · '.join(filter(None, (sample.frame.scene, f'sample {sample.number} of {len(self.source)}',
                                        sample.frame.time_text)))
        return self._maps(f'sample{sample.number}', name, [before], [after], sample, sample.outlines)

    def average(self, count: int) -> MapSet:
        """Means over ``count`` samples, spread evenly over the split; cells are those around the vehicle.

        Raises:
            ValueError: no sample at all.
        """
        if count < 1:
            raise ValueError(f'an average needs one sample or more, got {count}')
        samples = [self.source.load(number, self.device) for number in self.source.spread(count)]
        seen = [self._seen(sample) for sample in samples]
        first, second = ([one[place] for one in seen] for place in (0, 1))
        note = f'mean over {len(samples)} samples, spread over {len(self.source)}'
        return self._maps('average', note, first, second, samples[0], np.zeros((0, 4, 2)))

    def _seen(self, sample: Sample) -> tuple[Observation, Observation]:
        taps = run_teachers(self.after, sample.data)
        return observe(self.before, sample.data, taps), observe(self.after, sample.data, taps)

    def _maps(
        self, name: str, note: str, before: Sequence[Observation], after: Sequence[Observation], sample: Sample,
        outlines: NDArray[np.float64]
    ) -> MapSet:
        pairs, facts = {}, {}
        for key, pair in getattr(self.after, 'pairs', {}).items():
            views = [[one.pairs[key] for one in times if key in one.pairs] for times in (before, after)]
            if all(views) and key not in self.unlearned:
                first, second = map(mean_view, views)
                pairs[key] = pair_maps(key, first, second, what=meaning(pair))
                facts[key] = pair_facts(pair, first, second)
        left_out = dict.fromkeys(self.unlearned, self.why_unlearned)
        left_out |= {key: why for one in after for key, why in one.left_out.items() if key not in pairs}
        student = student_maps(mean_student(before), mean_student(after))
        return MapSet(name, note, pairs, student, facts, left_out, sample.grid2ego, outlines)


def pair_facts(pair: Pair, before: PairView | None, after: PairView) -> list[str]:
    """Two lines: what is compared how, and how the loss has changed."""
    links = getattr(pair.connector, 'links', [pair.connector])
    parts = [f'{pair.teacher.name} teaches {pair.student.name}',
             f'connector {" + ".join(type(link).__name__ for link in links)}', f'loss {pair.loss}']
    parts += [f'{what} {part}' for what, part in (('through', pair.through), ('mask', pair.mask),
                                                  ('target scale', pair.target_scale)) if part is not None]
    change = f'{after.loss:.3g}'
    if before is not None:
        share = f' ({(after.loss - before.loss) / abs(before.loss):+.0%})' if before.loss else ''
        change = f'{before.loss:.3g} before training, {after.loss:.3g} after{share}'
    return [', '.join(parts) + '.', f'Loss without its weight: {change}.'.replace('-', '\N{MINUS SIGN}')]


def _short(path: str | Path) -> str:
    """The file and its folder."""
    return '/'.join(Path(path).parts[-2:])

"""From the errors of pictures to the figures of data sets, and to a table that says how each came about."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from perception_kd.evaluation.stereo.errors import REGIONS, RegionErrors
from perception_kd.evaluation.stereo.protocols import AGGREGATES, Protocol


@dataclass(frozen=True)
class PictureErrors:
    """Errors of one predicted map.

    Args:
        name: Of the pair in its data set.
        regions: Region -> errors; only regions that are known of this pair.
    """

    name: str
    regions: Mapping[str, RegionErrors]


@dataclass(frozen=True)
class DatasetErrors:
    """Errors of a data set.

    Args:
        dataset: Name.
        protocol: Rules by which the pictures were measured.
        pictures: Each once.
    """

    dataset: str
    protocol: Protocol
    pictures: Sequence[PictureErrors] = field(default_factory=list)

    @property
    def regions(self) -> list[str]:
        """Regions that are known of every picture, that of the protocol first."""
        known = [name for name in REGIONS if all(name in one.regions for one in self.pictures)]
        return sorted(known, key=lambda name: name != self.protocol.region)

    @property
    def region(self) -> str:
        """Region of the figures that come first: the protocol's, or ``all`` where pictures lack a mask for it."""
        return self.protocol.region if self.protocol.region in self.regions else 'all'

    def figures(self, region: str, aggregate: str | None = None) -> dict[str, float]:
        """``EPE`` px, ``BP-0.5`` ... and ``D1`` in per cent, ``density`` (pixels with a prediction) in per cent.

        Args:
            region: One of ``regions``.
            aggregate: One of ``AGGREGATES`` for all figures; None: those of the protocol.

        NaN where no pixel counts. Pictures without a pixel that counts take no part in a mean over pictures.
        """
        found = [one.regions[region] for one in self.pictures if one.regions[region].pixels]
        share, epe = aggregate or self.protocol.aggregate, aggregate or self.protocol.epe_aggregate
        pixels = [one.pixels for one in found]
        figures = {'EPE': _average([one.error for one in found], [one.predicted for one in found], epe or share)}
        for index, threshold in enumerate(self.protocol.thresholds):
            figures[f'BP-{threshold:g}'] = 100 * _average([one.bad[index] for one in found], pixels, share)
        figures['D1'] = 100 * _average([one.outliers for one in found], pixels, share)
        figures['density'] = 100 * _average([one.predicted for one in found], pixels, share)
        return figures

    def as_dict(self) -> dict[str, Any]:
        """Everything, for strict JSON: by region the protocol's figures and both aggregates; each picture's sums."""
        return {
            'protocol': {**vars(self.protocol), 'text': self.protocol.text()},
            'region': self.region,
            'pairs': len(self.pictures),
            'regions': {region: {'figures': _strict(self.figures(region)),
                                 **{how: _strict(self.figures(region, how)) for how in AGGREGATES}}
                        for region in self.regions},
            'pictures': {one.name: {region: errors.as_dict() for region, errors in one.regions.items()}
                         for one in self.pictures},
        }


def _strict(figures: dict[str, float]) -> dict[str, float | None]:
    """None where nothing was scored: JSON has no NaN."""
    return {name: None if math.isnan(value) else value for name, value in figures.items()}


def _average(sums: Sequence[float], counts: Sequence[int], aggregate: str) -> float:
    """Of quotients, or the quotient of the sums; NaN where there is nothing."""
    pairs = [(total, count) for total, count in zip(sums, counts) if count]
    if not pairs:
        return math.nan
    if aggregate == 'pixel_pool':
        return sum(total for total, _ in pairs) / sum(count for _, count in pairs)
    return sum(total / count for total, count in pairs) / len(pairs)


def flatten_figures(datasets: Iterable[DatasetErrors]) -> dict[str, float]:
    """``<dataset>/<figure>_<region>`` -> value by the protocol of the data set; what loggers and hooks take."""
    return {f'{one.dataset}/{name}_{region}': value
            for one in datasets for region in one.regions for name, value in one.figures(region).items()}


def format_figures(datasets: Iterable[DatasetErrors]) -> str:
    """A table of both aggregates for every region; ``*`` marks what the protocol reports."""
    blocks = [_block(one) for one in datasets]
    return '\n\n'.join(blocks)


def _block(one: DatasetErrors) -> str:
    heads = ['EPE', *(f'BP-{value:g}' for value in one.protocol.thresholds), 'D1', 'density']
    lines = [f'{one.dataset}: {_count(len(one.pictures))}; {one.protocol.text()}',
             f'{"":<17}' + ''.join(f'{head:>10}' for head in heads)]
    for region in one.regions:
        for aggregate in AGGREGATES:
            figures = one.figures(region, aggregate)
            cells = ''.join(_cell(figures[head], _reported(one, region, aggregate, head)) for head in heads)
            lines.append(f'{region + " " + aggregate:<17}{cells}')
    return '\n'.join([*lines, *_remarks(one)])


def _reported(one: DatasetErrors, region: str, aggregate: str, head: str) -> bool:
    """Whether the protocol reports this cell."""
    how = one.protocol.epe_aggregate or one.protocol.aggregate if head == 'EPE' else one.protocol.aggregate
    return region == one.region and aggregate == how and head != 'density'


def _remarks(one: DatasetErrors) -> list[str]:
    remarks = []
    if one.region != one.protocol.region:
        remarks.append(f'not {one.protocol.region}: pairs lack a mask of what both pictures see, so all pixels with '
                       'truth count; not comparable with published figures')
    figures = one.figures(one.region)
    if math.isnan(figures['density']):
        remarks.append('nothing is scored: no pixel of this region has a true disparity in the range')
    if figures['density'] < 100:
        remarks.append(f'{100 - figures["density"]:.2f} % of the pixels have no prediction: they count as bad, '
                       'and EPE leaves them out')
    return remarks


def _cell(value: float, reported: bool) -> str:
    text = '-' if math.isnan(value) else f'{value:.3f}'
    return f'{text:>9}' + ('*' if reported else ' ')


def _count(pairs: int) -> str:
    return f'{pairs} pair' if pairs == 1 else f'{pairs} pairs'

"""The part of the labels that runs see as an axis of a comparison: every part has a reference of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmengine.config import Config

from perception_kd.comparison.fairness import deciding_parts, differing
from perception_kd.comparison.table import aligned, mean_and_spread, paired
from perception_kd.engine.training_data import training_data

if TYPE_CHECKING:
    from perception_kd.comparison.runs import Run

ALL = 'all labels'
Found = Mapping[str, Any]


@dataclass(frozen=True)
class Group:
    """Methods that see the same labels.

    Args:
        labels: Which, in words.
        names: The reference first.
    """

    labels: str
    names: tuple[str, ...]


def labels_of(cfg: Config) -> str:
    """Which frames keep their annotations in training, in words; what becomes of the others is not said."""
    labelled = training_data(cfg, 'labelled').get('labelled') or {}
    fraction = labelled.get('fraction', 1.0)
    if fraction == 1:
        return ALL
    return f'{100 * fraction:.3g} % of the {labelled.get("by", "scene")}s (seed {labelled.get("seed", 0)})'


def find_references(cfgs: Sequence[Config]) -> list[int]:
    """The place of the run that each is compared with.

    That is the first one, or the one that is as the first but for its labels, and sees the same labels as the run.
    """
    labels, first = [labels_of(cfg) for cfg in cfgs], 0
    found = {labels[first]: first}
    begin = None
    for place, cfg in enumerate(cfgs):
        if labels[place] not in found:
            begin = begin or deciding_parts(cfgs[first])
            if all(map(is_label, differing(begin, deciding_parts(cfg)))):
                found[labels[place]] = place
    shared = {label for label in found if labels.count(label) > 1 or label == labels[first]}
    return [found[label] if label in shared else first for label in labels]


def label_groups(runs: Sequence[Run], names: Sequence[str]) -> list[Group]:
    """Methods by their reference, in order."""
    of = {run.entry.name: run for run in runs}
    found: dict[str, list[str]] = {}
    for name in names:
        reference = of[name].reference or names[0]
        found.setdefault(reference, [reference])
        found[reference] += [name] if name != reference else []
    return [Group(labels_of(of[reference].cfg), tuple(own)) for reference, own in found.items()]


def twins(runs: Sequence[Run]) -> dict[str, str]:
    """Name of each method -> that of the first one that is written as it is, but for the labels."""
    first: dict[str, str] = {}
    return {run.entry.name: first.setdefault(_written(run), run.entry.name) for run in runs}


def _written(run: Run) -> str:
    options = {key: value for key, value in run.entry.options.items() if 'labelled' not in key.split('.')}
    return json.dumps([str(run.entry.config), options], sort_keys=True, default=str)


def is_label(setting: str) -> bool:
    """Whether a difference, by its dotted name, is one of which frames keep their annotations."""
    return setting.startswith('train_dataloader.') and '.labelled' in setting


def labels_table(results: Sequence[Found], groups: Sequence[Group], twins: Mapping[str, str], metric: str) -> list[str]:
    """Lines with a table of the gain over the part of the labels: parts down, methods across.

    Args:
        results: Files of the finished runs.
        groups: Of methods.
        twins: Name of each method -> that of its column, which is the same for methods that differ in labels alone.
        metric: Which.
    """
    columns = list(dict.fromkeys(twins[name] for group in groups for name in group.names))
    rows = []
    for group in groups:
        own = {twins[name]: name for name in group.names}
        rows.append([group.labels, *(_cell(results, group.names[0], own.get(column), metric) for column in columns)])
    return ['', f'## {metric} by labels', '', aligned(['labels', *columns], rows), '',
            'Behind a mean: the difference from the first method that sees the same labels.']


def _cell(results: Sequence[Found], reference: str, name: str | None, metric: str) -> str:
    if name is None:
        return '-'
    value = mean_and_spread([one['metrics'].get(metric) for one in results if one['name'] == name])
    return value if name == reference else f'{value}; {paired(results, reference, name, metric)}'

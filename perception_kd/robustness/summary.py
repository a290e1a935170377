"""From finished cells to one dictionary: scores by fault and severity, CE and RR, mCE and mRR of each model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.benchmark.timing import machine, versions
from perception_kd.comparison.runs import project_path
from perception_kd.evaluation.report import MEAN_ERRORS
from perception_kd.files import require_file
from perception_kd.provenance import commit
from perception_kd.robustness.cases import Case, resolved
from perception_kd.robustness.cells import CLEAN, Cell, touches
from perception_kd.robustness.differences import SCORES, difference
from perception_kd.robustness.metrics import corruption_error, mean_known, resilience_rate
from perception_kd.robustness.model import Model

FORMAT = 'perception_kd robustness 1'
KEPT = (*SCORES, 'mAP_present', *MEAN_ERRORS.values())
Summary = dict[str, Any]
Found = Mapping[tuple[str, str, int], Mapping[str, Any] | None]
"""Finished cells by model, fault and severity."""


def summarise(cells: Sequence[Cell], models: Sequence[Model], cases: Sequence[Case], seed: int, out: Path,
              baseline: Mapping[str, Any] | None = None) -> Summary:
    """All that the grid found so far.

    Args:
        cells: Of the plan.
        models: The first is what the others are compared with, and the baseline of CE unless another is given.
        cases: Faults with their severities.
        seed: Of the faults.
        out: Folder of the cells.
        baseline: An earlier summary, whose first model is then the baseline of CE.

    Raises:
        ValueError: The baseline was scored on other data, or with another seed.
    """
    found = {(cell.model.name, cell.case, cell.severity): cell.result(out) for cell in cells}
    tables = [_model_table(model, cases, found) for model in models]
    conditions = dict(seed=seed, data=models[0].data)
    if baseline is not None:
        check_baseline(baseline, conditions)
    reference = tables[0] if baseline is None else baseline['models'][0]
    for table in tables:
        add_rates(table, reference)
    drawn = [_samples(model, cases, found) for model in models]
    differences = [difference(table, tables[0], samples, drawn[0]) for table, samples in zip(tables[1:], drawn[1:])]
    return dict(format=FORMAT, **conditions, engine=models[0].engine,
                baseline=dict(model=reference['name'], of='this run' if baseline is None else 'an earlier run'),
                models=tables, differences=differences, commit=commit(), machine=machine(), versions=versions())


def _model_table(model: Model, cases: Sequence[Case], found: Found) -> dict[str, Any]:
    clean = _metrics(found.get((model.name, CLEAN, 0)))
    faults = {}
    for case in cases:
        reached = touches(case, model)
        rows = [_metrics(found.get((model.name, case.name, severity))) if reached else clean
                for severity in case.severities]
        faults[case.name] = dict(
            family=case.family, severities=list(case.severities), labels=list(case.labels.values()), read=reached,
            settings=[resolved(one) for one in case.severities.values()],
            **{name: [row[name] for row in rows] for name in KEPT})
    return dict(name=model.name, config=project_path(model.config), checkpoint=model.checkpoint.name,
                fingerprint=model.key['checkpoint'], reads=sorted(model.reads), clean=clean, faults=faults)


def _samples(model: Model, cases: Sequence[Case], found: Found) -> dict[str, dict[str, np.ndarray]]:
    """Scores of drawn scenes by fault, ``(severities, draws)``; without those that lack any."""
    clean = found.get((model.name, CLEAN, 0))
    results = {CLEAN: [clean], **{
        case.name: [found.get((model.name, case.name, severity)) if touches(case, model) else clean
                    for severity in case.severities] for case in cases}}
    return {name: {score: np.array([row['samples'][score] for row in rows]) for score in SCORES}
            for name, rows in results.items() if all(row and row['samples'].get('NDS') for row in rows)}


def _metrics(result: Mapping[str, Any] | None) -> dict[str, float | None]:
    return {name: result['metrics'].get(name) if result else None for name in KEPT}


def add_rates(table: dict[str, Any], reference: Mapping[str, Any]) -> None:
    """Add mean, CE and RR to each fault of a model, and mCE and mRR over all faults and over those of each family.

    CE is blank for a fault that the reference did not meet with equal settings.
    """
    for name, fault in table['faults'].items():
        other = reference['faults'].get(name)
        same = other is not None and other['settings'] == fault['settings']
        fault['mean'] = {score: mean_known(fault[score]) for score in SCORES}
        fault['CE'] = {score: corruption_error(fault[score], other[score]) if same else None for score in SCORES}
        fault['RR'] = {score: resilience_rate(fault[score], table['clean'][score]) for score in SCORES}
    families = {fault['family']: None for fault in table['faults'].values()}
    table.update(_means(table['faults'].values()))
    table['families'] = {family: _means(fault for fault in table['faults'].values() if fault['family'] == family)
                         for family in families}


def _means(faults: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, float | None]]:
    """mCE and mRR; blank unless every fault has its CE or RR, since a mean over others would compare nothing."""
    faults = list(faults)
    means = {}
    for mean, one in (('mCE', 'CE'), ('mRR', 'RR')):
        values = {score: [fault[one][score] for fault in faults] for score in SCORES}
        means[mean] = {score: None if None in row else mean_known(row) for score, row in values.items()}
    return means


def read_summary(path: str | Path) -> Summary:
    """An earlier summary.

    Raises:
        FileNotFoundError, ValueError: No such file, or something else.
    """
    try:
        found = json.loads(require_file(path, 'baseline').read_bytes())
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get('format') != FORMAT or not found.get('models'):
        raise ValueError(f'{path} is not the robustness.json of an earlier run')
    return found


def check_baseline(baseline: Mapping[str, Any], conditions: Mapping[str, Any]) -> None:
    """See that a corruption error against this baseline means something.

    Raises:
        ValueError: Names what differs.
    """
    differs = [name for name, value in conditions.items() if baseline.get(name) != value]
    if differs:
        raise ValueError(f'the baseline was scored with another {" and ".join(differs)}: '
                         + '; '.join(f'{baseline.get(name)} instead of {conditions[name]}' for name in differs))

"""The teachers' own scores: no student gains where its teacher does not lead."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from perception_kd.comparison.fairness import section_hashes
from perception_kd.engine.build import load_config, require
from perception_kd.engine.stages import score
from perception_kd.files import require_file, write_json

FORMAT = 'perception_kd comparison teacher 1'


def parse_teacher_configs(texts: Sequence[str], teachers: Mapping[str, Path]) -> dict[str, Path]:
    """Configs by teacher's name from ``NAME=CONFIG``.

    Args:
        texts: What was given.
        teachers: The checkpoints by name.

    Raises:
        ValueError: Not of this form, or a teacher without a checkpoint.
        FileNotFoundError: No such config.
    """
    found = {}
    for text in texts:
        name, _, config = text.partition('=')
        if name not in teachers or not config:
            raise ValueError(f'--score-teacher {text!r} is not of the form NAME=CONFIG with a NAME given to --teacher '
                             f'({", ".join(teachers) or "none"})')
        found[name] = require_file(config, f'config of teacher {name}')
    return found


def score_teachers(configs: Mapping[str, Path], checkpoints: Mapping[str, Path], shared: Mapping[str, Any],
                   out: Path, work: Path, echo: Callable[[str], None] = print) -> dict[str, dict[str, Any]]:
    """Metrics by teacher's name, each scored once and kept in ``OUT/teacher-NAME.json``.

    Args:
        configs: That train the teachers, by name.
        checkpoints: Their weights.
        shared: Overrides that the runs have too; those that a teacher's config does not have are left out.
        out, work: As for the queue.
        echo: Where progress lines go.
    """
    return {name: _score(name, config, checkpoints[name], shared, out, work, echo) for name, config in configs.items()}


def _score(name: str, config: Path, checkpoint: Path, shared: Mapping[str, Any], out: Path, work: Path,
           echo: Callable[[str], None]) -> dict[str, Any]:
    known = load_config(config)
    options = {key: value for key, value in shared.items() if key.partition('.')[0] in known}
    cfg = load_config(config, {**options, 'load_from': str(checkpoint)})
    require(cfg, 'model', 'test_dataloader')
    key, path = section_hashes(cfg, 'load_from'), out / f'teacher-{name}.json'
    if path.is_file():
        found = json.loads(path.read_bytes())
        if found.get('format') == FORMAT and found['key'] == key:
            return found['metrics']
    echo(f'score teacher {name} ...')
    metrics = score(config, checkpoint, work / f'teacher-{name}', options)
    write_json(path, dict(format=FORMAT, name=name, config=config.name, checkpoint=checkpoint.name, key=key,
                          metrics=metrics))
    return metrics

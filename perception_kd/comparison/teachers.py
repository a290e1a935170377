"""The teachers' own scores: no student gains where its teacher does not lead."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import barrier, is_main_process

from perception_kd.comparison.claims import claim
from perception_kd.comparison.fairness import section_hashes
from perception_kd.comparison.metrics import kind_of
from perception_kd.comparison.parts import KEY_FILE, Part, complete, folder_of
from perception_kd.comparison.place import Place
from perception_kd.engine.build import load_config, require
from perception_kd.engine.recipe import from_first
from perception_kd.engine.stages import score
from perception_kd.files import require_file, write_bytes, write_json

FORMAT = 'perception_kd comparison teacher 1'


def parse_teacher_configs(texts: Sequence[str], teachers: Mapping[str, Path]) -> dict[str, tuple[Path, Path]]:
    """Config and checkpoint by teacher's name from ``NAME=CONFIG`` or ``NAME=CONFIG@CHECKPOINT``.

    Args:
        texts: What was given.
        teachers: The checkpoints by name.

    Raises:
        ValueError: Not of this form, or a teacher without a checkpoint.
        FileNotFoundError: No such config or checkpoint.
    """
    found = {}
    for text in texts:
        name, _, config = text.partition('=')
        checkpoint = teachers.get(name)
        if '@' in config and not Path(config).is_file():
            config, _, own = config.partition('@')
            checkpoint = require_file(own, f'checkpoint of teacher {name}')
        if not name.isidentifier() or checkpoint is None or not config:
            raise ValueError(f'--score-teacher {text!r} is neither of the form NAME=CONFIG with a NAME given to '
                             f'--teacher ({", ".join(teachers) or "none"}), nor NAME=CONFIG@CHECKPOINT')
        found[name] = require_file(config, f'config of teacher {name}'), checkpoint
    return found


def check_same_split(teachers: Mapping[str, tuple[Path, Path]], shared: Mapping[str, Any], cfg: Config) -> None:
    """See that teachers are scored on what the runs are scored on, before these take hours; for nuScenes-format data.

    Args:
        teachers, shared: As for :func:`score_teachers`; what a teacher's config does not know may be its split.
        cfg: Of a run.

    Raises:
        ValueError: Names a teacher that is scored on something else.
    """
    for name, (config, checkpoint) in teachers.items():
        own = _load(config, checkpoint, shared)[0]
        if kind_of(own) == kind_of(cfg) == 'NuScenesDetMetric':
            theirs, ours = ((Path(place.root).resolve(), place.version, place.split)
                            for place in map(Place.of, (own, cfg)))
            if theirs != ours:
                raise ValueError(f'--score-teacher {name}: {config} is scored on {" ".join(map(str, theirs))}, the '
                                 f'runs on {" ".join(map(str, ours))}, so that it has no margin; let its config take '
                                 'the same split')


def score_teachers(teachers: Mapping[str, tuple[Path, Path]], shared: Mapping[str, Any], out: Path, work: Path,
                   launcher: str = 'none', parts: Sequence[Part] = (),
                   echo: Callable[[str], None] = print) -> dict[str, dict[str, Any]]:
    """Files by teacher's name (``metrics`` and ``parts``), each scored once and kept in ``OUT/teacher-NAME.json``.

    Every process of a job calls this.

    Args:
        teachers: Config that trained each, and its weights, by name.
        shared: Overrides that the runs have too; those that a teacher's config does not have are left out.
        out, work: As for the queue.
        launcher: As in :func:`~perception_kd.engine.build.build_runner`.
        parts: What the files should have beside the metrics.
        echo: Where progress lines go.
    """
    found = {}
    for name, (config, checkpoint) in teachers.items():
        cfg, options = _load(config, checkpoint, shared)
        path, folder = out / f'teacher-{name}.json', work / f'teacher-{name}'
        key = section_hashes(cfg)
        with claim(work / f'teacher-{name}.lock', wait=True) as mine:
            if not from_first(_finished(path, key)):
                _score(config, checkpoint, path, folder, key, options, launcher)
            if mine:
                _complete(path, key, cfg, folder, parts, echo)
            found[name] = from_first(_finished(path, key))
    return found


def _load(config: Path, checkpoint: Path, shared: Mapping[str, Any]) -> tuple[Config, dict[str, Any]]:
    known = load_config(config)
    options = {key: value for key, value in shared.items() if key.partition('.')[0] in known}
    cfg = load_config(config, {**options, 'load_from': str(checkpoint)})
    require(cfg, 'model', 'test_dataloader')
    return cfg, options


def _score(config: Path, checkpoint: Path, path: Path, folder: Path, key: Mapping[str, str],
           options: dict[str, Any], launcher: str) -> None:
    name = path.stem.removeprefix('teacher-')
    if is_main_process():
        print(f'score teacher {name} ...')
        write_bytes(folder / KEY_FILE, json.dumps(key).encode())
    metrics = score(config, checkpoint, folder, options, launcher)
    if is_main_process():
        write_json(path, dict(format=FORMAT, name=name, config=config.name, checkpoint=checkpoint.name, key=key,
                              metrics=metrics))
    barrier()


def _complete(path: Path, key: Mapping[str, str], cfg: Config, folder: Path, parts: Sequence[Part],
              echo: Callable[[str], None]) -> None:
    there = folder_of(folder, key) if (folder / KEY_FILE).is_file() else folder  # of before there was a mark
    for line in complete(path, _finished(path, key), cfg, there, parts):
        echo(f'{path.stem}: {line}')


def _finished(path: Path, key: Mapping[str, str]) -> dict[str, Any] | None:
    """File of an earlier scoring with the same settings; what cannot be read is done again."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    same = isinstance(found, dict) and found.get('format') == FORMAT and found.get('key') == key
    return found if same else None

"""Names of what is logged, named backends, and Weights & Biases offline where it is installed."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

from perception_kd.cli import one_line
from perception_kd.engine.run_log import GroupedTensorboard, GroupedWandb, RunVisualizer, grouped, grouped_scalars

TRAINING = {'lr': 0.1, 'grad_norm': 2.0, 'loss': 3.0, 'task0.loss_heatmap': 1.0, 'loss_distill.lidar_to_radar': 0.5,
            'share.task': 0.9, 'time': 0.2, 'data_time': 0.1, 'iter': 20}


@pytest.fixture(autouse=True)
def scope() -> None:
    """As in a run."""
    init_default_scope('perception_kd')


def test_names_have_groups() -> None:
    assert list(grouped_scalars(TRAINING)) == [
        'optimiser/lr', 'optimiser/grad_norm', 'loss/loss', 'loss/task0.loss_heatmap',
        'loss/loss_distill.lidar_to_radar', 'share/task', 'machine/time', 'machine/data_time', 'progress/iter']
    assert list(grouped_scalars({'nusc/NDS': 0.2, 'time': 3.0})) == ['nusc/NDS', 'machine/val_time']
    assert [grouped(name) for name in ('scene.0', 'grad_cos.a.b', 'unheard_of')] == [
        'scene/0', 'grad_cos/a.b', 'unheard_of']


def test_tensorboard_and_files_beside_each_other(tmp_path: Path) -> None:
    events = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    backends = dict(local=dict(type='LocalVisBackend'), tensorboard=dict(type='GroupedTensorboard'), wandb=None)
    visualizer = RunVisualizer('run-log-a', vis_backends=backends, save_dir=str(tmp_path))
    assert [type(one) for one in visualizer._vis_backends.values()][1] is GroupedTensorboard
    visualizer.add_scalars(dict(TRAINING), step=20)
    visualizer.add_image('scene.0', np.full((4, 6, 3), 200, np.uint8), step=20)
    visualizer.close()
    log = events.EventAccumulator(str(tmp_path / 'vis_data'))
    log.Reload()
    assert set(log.Tags()['scalars']) == set(grouped_scalars(TRAINING)) and log.Tags()['images'] == ['scene/0']
    assert [(one.step, round(one.value, 6)) for one in log.Scalars('share/task')] == [(20, 0.9)]
    written = json.loads((tmp_path / 'vis_data' / 'scalars.json').read_text())
    assert written == {**TRAINING, 'step': 20}, 'the file that reports read keeps the names'
    assert (tmp_path / 'vis_data' / 'vis_image' / 'scene.0_20.png').is_file()


def test_backends_as_mmengine_lists_them(tmp_path: Path) -> None:
    visualizer = RunVisualizer('run-log-c', vis_backends=[dict(type='LocalVisBackend')], save_dir=str(tmp_path))
    visualizer.add_scalar('loss', 1.0, step=1)
    assert (tmp_path / 'vis_data' / 'scalars.json').is_file()
    with pytest.raises(ValueError, match=r"vis_backends\.wandb must be a config with a type .* got 'GroupedWandb'"):
        RunVisualizer('run-log-d', vis_backends=dict(wandb='GroupedWandb'), save_dir=str(tmp_path))


def test_without_wandb_one_line_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, 'wandb', None)
    with pytest.raises(ImportError, match=r"pip install 'perception_kd\[wandb\]', or set visualizer") as error:
        GroupedWandb(str(tmp_path)).add_scalars(dict(TRAINING))
    assert '\n' not in one_line(error.value)


def wandb_records(content: bytes) -> list[bytes]:
    """A file of W&B is a log of LevelDB after 7 bytes: parts of records in blocks of 32 KB, each after a header of a
    checksum (4 bytes), its length (2) and whether it is whole (1), first (2), middle (3) or last (4).
    """
    records, place = [], 7
    while place + 7 <= len(content):
        if 2**15 - place % 2**15 < 7:
            place += 2**15 - place % 2**15
            continue
        length, kind = struct.unpack('<HB', content[place + 4:place + 7])
        part = content[place + 7:place + 7 + length]
        records[len(records):] = [part] if kind in (1, 2) else [records.pop() + part]
        place += 7 + length
    return records


def test_wandb_offline(tmp_path: Path, monkeypatch) -> None:
    """The run's file, read back: config, numbers by group, a picture with its iteration."""
    pytest.importorskip('wandb', reason='wandb is optional', exc_type=ImportError)
    from wandb.proto import wandb_internal_pb2

    for name in ('WANDB_CONFIG_DIR', 'WANDB_CACHE_DIR', 'WANDB_DATA_DIR'):
        monkeypatch.setenv(name, str(tmp_path / name))
    visualizer = RunVisualizer('run-log-b', save_dir=str(tmp_path), vis_backends=dict(
        wandb=dict(type='GroupedWandb', init_kwargs=dict(mode='offline', settings=dict(silent=True)))))
    visualizer.add_config(Config(dict(max_epochs=3)))
    visualizer.add_scalars(dict(TRAINING), step=20)
    visualizer.add_image('scene.0', np.full((4, 6, 3), 200, np.uint8), step=20)
    visualizer.close()
    file, = tmp_path.rglob('run-*.wandb')
    rows, settings = [], {}
    for data in wandb_records(file.read_bytes()):
        record = wandb_internal_pb2.Record.FromString(data)
        if record.HasField('history'):
            rows.append({item.key or '/'.join(item.nested_key): json.loads(item.value_json)
                         for item in record.history.item})
        settings |= {item.key: item.value_json for item in (*record.run.config.update, *record.config.update)}
    assert settings['max_epochs'] == '3'
    numbers, picture = rows
    assert {name: numbers[name] for name in grouped_scalars(TRAINING)} == grouped_scalars(TRAINING)
    assert picture['progress/iter'] == 20 and any('scene/0' in name for name in picture)
    assert list(tmp_path.rglob('*.png')), 'the picture lies beside the run'

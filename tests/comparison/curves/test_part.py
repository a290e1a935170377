"""Curves from mmengine's own logs, and what is said of them."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmengine.hooks import IterTimerHook, LoggerHook
from mmengine.logging import MessageHub
from mmengine.runner import LogProcessor
from mmengine.visualization import LocalVisBackend

from perception_kd.comparison.curves.log import check_validates, read_curve
from perception_kd.comparison.curves.part import Curves

LOOP = dict(by_epoch=True, max_epochs=4, val_interval=1)


class Scalars:
    """What mmengine's visualiser does with scalars."""

    def __init__(self, folder: Path) -> None:
        self.backend = LocalVisBackend(str(folder))

    def add_scalars(self, values: dict, step: int, file_path: str) -> None:
        self.backend.add_scalars(values, step=step, file_path=file_path)


def log(folder: Path, epochs: range, length: int, seconds: float, name: str) -> None:
    """Let mmengine's hooks log some epochs of 4, each validated; the metric is the epoch over 10."""
    hub = MessageHub.get_instance(f'{folder.name}-{name}')
    loader = [None] * length
    runner = SimpleNamespace(
        message_hub=hub, visualizer=Scalars(folder / name / 'vis_data'), logger=logging.getLogger('silent'), iter=0,
        log_processor=LogProcessor(window_size=20), train_dataloader=loader, val_dataloader=loader, timestamp=name,
        max_iters=4 * length, max_epochs=4, epoch=0, experiment_name='', _train_loop=object(),
        train_loop=SimpleNamespace(dataloader=loader, _max_iters=4 * length), world_size=1,
        val_loop=SimpleNamespace(dataloader=loader))
    logger = LoggerHook(interval=20)
    logger.before_run = lambda runner: None
    logger.json_log_path = f'{name}.json'
    for epoch in epochs:
        runner.epoch = epoch - 1
        for step in range(length):
            runner.iter = (epoch - 1) * length + step
            hub.update_scalar('train/time', seconds)
            hub.update_scalar('train/lr', 0.1)
            hub.update_scalar('train/loss', 1.0)
            hub.update_info('epoch', runner.epoch)
            hub.update_info('iter', runner.iter)
            logger.after_train_iter(runner, step)
        runner.iter, runner.epoch = epoch * length, epoch
        hub.update_scalar('val/nusc/mAP', epoch / 10)
        hub.update_scalar('val/nusc/car_AOE', float('nan'))
        hub.update_scalar('val/time', 99.0)
        logger.after_val_epoch(runner)


@pytest.mark.parametrize('length', [7, 20, 47])
def test_a_log_of_mmengine_gives_figures_and_seconds_by_epoch(tmp_path: Path, length: int) -> None:
    assert IterTimerHook.priority == 'NORMAL'
    log(tmp_path, range(1, 5), length, 0.5, f'20260101_{length}')
    found = read_curve(tmp_path)
    assert found['epochs'] == [1, 2, 3, 4] and found['metrics'] == dict(mAP=[0.1, 0.2, 0.3, 0.4], car_AOE=[None] * 4)
    assert found['seconds'] == pytest.approx([0.5 * length * epoch for epoch in found['epochs']])


def test_attempts_of_one_training_are_one_curve(tmp_path: Path) -> None:
    log(tmp_path, range(1, 4), 30, 0.5, '20260102_1')
    with next(tmp_path.glob('*/vis_data/scalars.json')).open('a') as file:
        file.write('{"mAP": 0.9, "st')  # killed while it wrote
    log(tmp_path, range(3, 5), 30, 0.5, '20260102_2')
    assert read_curve(tmp_path)['metrics']['mAP'] == [0.1, 0.2, 0.3, 0.4]
    assert read_curve(tmp_path)['seconds'] == pytest.approx([15, 30, 45, 60])


def test_a_log_without_all_validations_is_no_curve(tmp_path: Path) -> None:
    log(tmp_path, range(2, 4), 30, 0.5, '20260103_1')
    part, cfg = Curves([], 'mAP', tmp_path), Config(dict(train_cfg=LOOP))
    with pytest.raises(ValueError, match='has no log of the validation after epoch 1, 4; put the logs of all attempts'):
        part.gather({}, cfg, tmp_path)
    log(tmp_path, range(1, 2), 30, 0.5, '20260103_0')
    log(tmp_path, range(4, 5), 30, 0.5, '20260103_2')
    assert part.gather({}, cfg, tmp_path)['epochs'] == [1, 2, 3, 4]


def test_what_has_no_curve_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='is not in the work folder any more'):
        read_curve(None)
    path = tmp_path / 'a' / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(dict(lr=0.1, loss=1.0, time=0.1, epoch=1, iter=20, step=20)))
    with pytest.raises(ValueError, match=r'scalars\.json has no validation'):
        read_curve(tmp_path)


@pytest.mark.parametrize(('change', 'message'), [
    (dict(val_begin=1000), 'is validated after 0 of its 4 epochs; add --cfg-options val_interval=1'),
    (dict(val_interval=4), 'is validated after 1 of its 4 epochs'),
    (dict(by_epoch=False, max_iters=9), 'counts iterations')])
def test_a_run_that_will_have_no_curve_is_refused_first(change: dict, message: str) -> None:
    cfg = Config(dict(train_cfg={**LOOP, **change}, val_dataloader=dict(batch_size=1)))
    with pytest.raises(ValueError, match=message):
        check_validates(cfg)
    check_validates(Config(dict(train_cfg=dict(LOOP, val_interval=3), val_dataloader=dict(batch_size=1))))


def test_errors_have_no_shares(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='no meaning for an error; name one that grows with quality first'):
        Curves([], 'mATE', tmp_path)


def test_the_report_has_both_tables_and_a_picture(tmp_path: Path) -> None:
    def run(name: str, seed: int, values: list[float], step: float) -> dict:
        return dict(name=name, seed=seed, curve=dict(epochs=[1, 2, 3, 4], metrics=dict(mAP=values),
                                                     seconds=[step * epoch for epoch in (1, 2, 3, 4)]))

    runs = [run('none', 0, [0.1, 0.2, 0.3, 0.4], 10), run('none', 1, [0.1, 0.2, 0.3, 0.2], 10),
            run('kd', 0, [0.2, 0.4, 0.4, 0.4], 15), run('kd', 1, [0.0, 0.1, 0.1, 0.15], 15), dict(name='kd', seed=2)]
    part = Curves([], 'mAP', tmp_path)
    lines = part.section(runs, ['none', 'kd'], {})
    rows = [[cell.strip() for cell in row.strip('|').split('|')] for text in lines for row in text.splitlines()
            if row.startswith(('| none', '| kd'))]
    assert rows[0] == ['none', '1.5 ± 0.7', '2.4 ± 1.1', '2.7 ± 1.3', '2.8 ± 1.3', '3.0 ± 1.4', '0.300 ± 0.141']
    assert rows[1] == ['kd', '1.5 ± 0.7', '1.6 (1 of 2)', '1.8 (1 of 2)', '1.9 (1 of 2)', '2.0 (1 of 2)',
                       '0.275 ± 0.177']
    assert rows[3][1:3] == ['22 ± 11', '24 (1 of 2)']
    assert 'Without a curve: kd-seed2' in '\n'.join(lines) and (tmp_path / 'curve.png').stat().st_size > 10_000
    part.section(runs, ['none', 'kd'], {})
    assert (tmp_path / 'curve-2.png').is_file(), 'of other labels'
    assert part.section(runs, ['gone'], {})[1] == 'No curves: no run of gone has mAP by epoch in its file or log.'

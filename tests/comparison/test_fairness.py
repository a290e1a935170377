"""Runs may differ in their distillation alone; files count by what is in them, not by where they lie."""

from pathlib import Path

import pytest

from perception_kd.comparison.fairness import differences, section_hashes
from perception_kd.engine.build import load_config

DEMO = Path(__file__).parents[2] / 'configs' / 'demo'


def student(**options):
    return load_config(DEMO / 'sim_student.py', options)


def test_teachers_and_pairs_are_no_difference() -> None:
    cfg = load_config(DEMO / 'sim_imkd.py', {'model.teachers.lidar.checkpoint': 'somewhere.pth', 'model.strength': 0.3})
    assert differences(student(), cfg) == []
    cfg.optim_wrapper.paramwise_cfg = dict(custom_keys={'pairs.one.loss': dict(lr_mult=0.1)})
    assert differences(student(), cfg) == []


@pytest.mark.parametrize(('options', 'expected'), [
    (dict(max_epochs=9), ['param_scheduler.1.end', 'train_cfg.max_epochs', 'train_cfg.val_interval']),
    (dict(batch_size=3), ['test_dataloader.batch_size', 'train_dataloader.batch_size']),
    ({'student.trunk.up_channels': 16}, ['model.trunk.up_channels']),
    ({'default_hooks.ema': None}, ['ema']),
    (dict(num_workers=7), []),
    (dict(load_from='student.pth'), ['load_from']),
])
def test_every_other_setting_is(options: dict, expected: list[str]) -> None:
    found = differences(student(), load_config(DEMO / 'sim_imkd.py', options))
    assert found == expected


def test_a_key_follows_the_content_of_files(tmp_path: Path) -> None:
    keys = []
    for folder, content in (('a', b'1'), ('b', b'1'), ('c', b'2')):
        path = tmp_path / folder / 'teacher.pth'
        path.parent.mkdir()
        path.write_bytes(content)
        options = {'model.teachers.lidar.checkpoint': str(path), 'data_root': str(tmp_path)}
        keys.append(section_hashes(load_config(DEMO / 'sim_imkd.py', options)))
    assert keys[0] == keys[1]
    assert {part for part in keys[0] if keys[0][part] != keys[2][part]} == {'model'}


def test_a_file_without_a_folder_counts_by_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    keys = []
    for content in (b'1', b'2'):
        (tmp_path / 'teacher.pth').write_bytes(content)
        options = {'model.teachers.lidar.checkpoint': 'teacher.pth'}
        keys.append(section_hashes(load_config(DEMO / 'sim_imkd.py', options)))
    assert {part for part in keys[0] if keys[0][part] != keys[1][part]} == {'model'}


def test_where_a_teacher_keeps_its_answers_makes_no_other_run(tmp_path: Path) -> None:
    """The folder is not there when the first run begins, and is when the comparison goes on."""
    options = {'kd_cache.folder': str(tmp_path / 'cache')}
    before = section_hashes(load_config(DEMO / 'sim_imkd_cached.py', options))
    (tmp_path / 'cache').mkdir()
    assert section_hashes(load_config(DEMO / 'sim_imkd_cached.py', options)) == before
    assert section_hashes(load_config(DEMO / 'sim_imkd_cached.py', {'kd_cache.dtype': 'float16'})) != before

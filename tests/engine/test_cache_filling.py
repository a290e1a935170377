"""``tools/cache_teachers.py`` on a tiny root: plan, filling, going on, states, and what is wrong in one line."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.dataset import Compose

from perception_kd.datasets.transforms import BesideClean, BEVAug
from perception_kd.engine.build import load_config
from perception_kd.engine.cache_filling import PLANNED, _augment, _some
from perception_kd.engine.runner import DistillRunner
from perception_kd.registry import MODELS
from tests.smoke.conftest import OPTIONS, ROOT

CONFIG, SAMPLES = 'configs/demo/sim_imkd_cached.py', 6


@pytest.fixture(scope='module')
def teacher(tmp_path_factory) -> Path:
    """Weights of the demo's teacher."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('teacher') / 'lidar.pth'
    torch.save({'state_dict': MODELS.build(load_config(ROOT / CONFIG).teacher).state_dict()}, path)
    return path


@pytest.fixture
def fill(tiny_root, teacher, monkeypatch, capsys):
    """``fill(*arguments, options)`` gives the status, what was printed and the line of the error."""
    def run(*arguments: object, options: tuple = (), config: str = CONFIG) -> tuple[int, str, str]:
        command = ['cache_teachers.py', config, *map(str, arguments), '--cfg-options', f'data_root={tiny_root}',
                   *OPTIONS, f'model.teachers.lidar.checkpoint={teacher}', *options]
        monkeypatch.setattr(sys, 'argv', command)
        monkeypatch.chdir(ROOT)
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(ROOT / 'tools/cache_teachers.py'), run_name='__main__')
        out, err = capsys.readouterr()
        return end.value.code, out, next((line for line in err.splitlines() if line.startswith('error:')), '')
    return run


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob('lidar/*/*.pt'))


def test_plan_fill_and_go_on(fill, tmp_path):
    status, said, _ = fill('--plan', '--out', tmp_path)
    assert status == 0 and f'{SAMPLES} samples x 1 states' in said and 'free' in said and not entries(tmp_path)
    assert 'whole: a tap of kind head' in said and 'cells that count' in said and 'which differ' not in said
    np.random.seed(0)  # else the two loadings of one small sample draw the same now and then
    said = fill('--plan', '--out', tmp_path, options=('radar_draw.drop=0.5',))[1]
    assert 'which differ from one loading to the next' in said, 'a mask reads the radar, which is drawn'
    status, said, _ = fill('--out', tmp_path)
    assert status == 0 and f'0 samples from the cache, {SAMPLES} computed' in said
    done = entries(tmp_path)
    assert len(done) == SAMPLES and done[0].parent.name == 'v1.0-tiny-tiny_train'
    for file in done[:2]:
        file.unlink()
    status, said, _ = fill('--out', tmp_path)
    assert f'{SAMPLES - 2} samples from the cache, 2 computed' in said and entries(tmp_path) == done


def test_the_plan_looks_at_the_whole_data_set():
    """Its beginning may hold one quiet drive, or none that is annotated."""
    model = SimpleNamespace(data_preprocessor=lambda data, training: data)
    frames = [dict(place=torch.tensor(place)) for place in range(100)]
    places = torch.stack(_some(model, frames, PLANNED)['place']).tolist()
    assert len(places) == PLANNED and places[0] == 0 and places[-1] == 99 and places[4] > 40
    assert torch.stack(_some(model, frames[:3], PLANNED)['place']).tolist() == [0, 1, 2]


def test_training_reads_what_was_filled(fill, tiny_root, teacher, tmp_path):
    assert fill('--out', tmp_path)[0] == 0
    options = {'batch_size': 2, 'num_workers': 0, 'lidar_sweeps': 0, 'train_split': 'tiny_train',
               'data_root': str(tiny_root), 'bev_aug.states': [{}], 'model.teachers.lidar.checkpoint': str(teacher)}
    losses = {}
    for config in (CONFIG, 'configs/demo/sim_imkd.py'):
        cfg = load_config(ROOT / config, options)
        if config == CONFIG:
            cfg.model.teachers.lidar.cache.folder = str(tmp_path)
        torch.manual_seed(0)
        model = MODELS.build(cfg.model).train()
        model.set_progress(10**6, 10**6)
        loader = DistillRunner.build_dataloader(cfg.train_dataloader, seed=0)
        losses[config] = {name: float(value) for name, value in model(**next(iter(loader)), mode='loss').items()
                          if 'distill' in name}
        if config == CONFIG:
            assert not model.teachers['lidar'].is_loaded and model.teachers['lidar'].counts['hit'] == 2
    assert losses[CONFIG] == pytest.approx(losses['configs/demo/sim_imkd.py'], rel=1e-5)


def test_every_state_has_entries_of_its_own(fill, tmp_path):
    status, said, _ = fill('--out', tmp_path, options=('kd_cache.states=${bev_states.flips}',))
    assert status == 0 and f'{SAMPLES} samples x 4 states' in said
    names = [file.stem for file in entries(tmp_path)]
    assert len(names) == 4 * SAMPLES and sum('-' in name for name in names) == 3 * SAMPLES


def test_augmentation_within_other_transforms_is_held_still():
    """``BesideClean`` has the whole pipeline inside."""
    outer, inner = BEVAug(), BEVAug()
    pipeline = Compose([outer, BesideClean(faults=dict(type='ApplyFaults', faults=[]), transforms=[inner], keys=())])
    _augment(SimpleNamespace(datasets=[SimpleNamespace(pipeline=pipeline)]), dict(flip_x=True))
    assert len(outer.states) == len(inner.states) == 1


@pytest.mark.parametrize(('options', 'error'), [
    (('bev_aug.states=None',), r"augmentation='states'.*is rotated, mirrored or scaled.*bev_aug\.states"),
    (('kd_cache.max_bytes=1000',), r"takes .* more than max_bytes allows \(1000 B\)"),
    (("model.teachers.lidar.cache.reads=('points','img')",), r'loaded twice gives other'),
    (("model.teachers.lidar.cache.reads=('points','depth')",), r'needs depth in the inputs'),
    (('kd_cache.store=half',), r"store 'masked' or 'whole'"),
])  # fmt: skip
def test_what_is_wrong_is_one_line(fill, tmp_path, options, error):
    status, _, line = fill('--out', tmp_path, options=options)
    assert status == 1 and re.search(error, line), line
    assert not entries(tmp_path)


def test_a_config_without_a_cache_and_a_stale_folder(fill, tmp_path):
    status, _, line = fill('--out', tmp_path, config='configs/demo/sim_imkd.py')
    assert status == 1 and 'has no cached teacher; see configs/demo/sim_imkd_cached.py' in line
    assert fill('--out', tmp_path)[0] == 0
    status, _, line = fill('--out', tmp_path, options=('model.teachers.lidar.dtype=bfloat16',))
    assert status == 1 and 'stale, its entries are of another teacher' in line and 'config' in line

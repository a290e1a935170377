"""From files to a merged file: what is written, going on after an interruption, and what is refused."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from mmengine.registry import DATASETS, init_default_scope

from perception_kd.engine.build import load_config
from perception_kd.engine.foreign_checkpoint import load_weights
from perception_kd.engine.runner import DistillRunner
from perception_kd.export.student import load_student
from perception_kd.merging.job import MergeJob
from perception_kd.merging.settings import MergeSettings
from perception_kd.registry import MODELS
from tests.distill.toys import ToyStudent
from tests.merging.toy_students import ToyData, write_students
from tests.smoke.conftest import OPTIONS
from tests.smoke.test_command_lines import run

SETTINGS = MergeSettings(steps=4, save_every=2, norm_batches=2, learning_rate=0.05)


@pytest.fixture(autouse=True)
def registered():
    MODELS.register_module(module=ToyStudent, force=True)
    DATASETS.register_module(module=ToyData, force=True)
    yield
    MODELS.module_dict.pop('ToyStudent')
    DATASETS.module_dict.pop('ToyData')


@pytest.fixture
def job(tmp_path) -> partial:
    """A merge of two toys into ``out.pth``; keywords change it."""
    files = write_students(tmp_path)
    return partial(MergeJob, config=files['config'], base=files['base'], out=tmp_path / 'out.pth', settings=SETTINGS,
                   experts=dict(day=files['day'], night=files['night']), data=dict(night={'split': 'n'}),
                   echo=lambda line: None)


def test_checkpoint_and_record(job, tmp_path):
    lines = []
    record = job(echo=lines.append).run()
    student = load_student(load_config(tmp_path / 'config.py'), tmp_path / 'out.pth')
    assert record == json.loads((tmp_path / 'out.json').read_text())
    assert len(record['divergence']) == 4 and record['experts']['night']['data'] == {'split': 'n'}
    assert set(record['coefficients']['day']) == {'stem.conv', 'stem.norm', 'head.heatmap', 'head.reg'}
    assert all(0 < value != 0.3 for value in record['coefficients']['night'].values())
    assert record['files'][str(tmp_path / 'out.pth')] == dict(batch_norms=1, statistics_of=['day', 'night'], batches=2)
    assert 0 < record['experts_change']['day'] < 1 and not (tmp_path / 'out.state.pth').exists()
    assert any('step 4 of 4: divergence' in line for line in lines)
    base, day, night = (load_weights(tmp_path / f'{name}.pth') for name in ('base', 'day', 'night'))
    one, two = (record['coefficients'][name]['head.reg'] for name in ('day', 'night'))
    start = base['head.reg.weight']
    wanted = start + one * (day['head.reg.weight'] - start) + two * (night['head.reg.weight'] - start)
    assert torch.allclose(student.head.reg.weight, wanted, atol=1e-6)


def test_an_interrupted_merge_goes_on_as_if_nothing_had_happened(job, tmp_path):
    whole = job(out=tmp_path / 'whole.pth').run()

    def interrupt(line: str) -> None:
        if line.startswith('step 2'):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job(echo=interrupt).run()
    assert not (tmp_path / 'out.pth').exists()
    with pytest.raises(ValueError, match=r'out\.state\.pth belongs to a merge of other'):
        job(resume=True, settings=replace(SETTINGS, rho=0.07)).run()
    text = (tmp_path / 'config.py').read_text()
    (tmp_path / 'config.py').write_text(f'{text}\ntrain_dataloader.update(batch_size=3)\n')
    with pytest.raises(ValueError, match=r'out\.state\.pth belongs to a merge of other'):
        job(resume=True).run()
    (tmp_path / 'config.py').write_text(text)
    with pytest.raises(ValueError, match='has 2 steps already'):
        job(resume=True, settings=replace(SETTINGS, steps=1)).run()
    resumed = job(resume=True).run()
    assert resumed['divergence'] == whole['divergence'] and resumed['coefficients'] == whole['coefficients']
    one, two = load_weights(tmp_path / 'whole.pth'), load_weights(tmp_path / 'out.pth')
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_without_steps_it_is_the_mean(job, tmp_path):
    settings = replace(SETTINGS, steps=0, start='mean', batch_norm='none')
    record = job(settings=settings).run()
    merged, day, night = (load_weights(tmp_path / f'{name}.pth') for name in ('out', 'day', 'night'))
    for name, value in merged.items():
        if value.is_floating_point():
            assert torch.allclose(value, (day[name] + night[name]) / 2, atol=1e-6), name
    assert record['divergence'] == [] and record['files'][str(tmp_path / 'out.pth')]['batches'] == 0


def test_statistics_of_each_expert(job, tmp_path):
    files = job(settings=replace(SETTINGS, steps=0, batch_norm='each')).run()['files']
    assert [Path(name).name for name in files] == ['out_day.pth', 'out_night.pth']
    assert not (tmp_path / 'out.pth').exists()
    day, night = (load_weights(tmp_path / f'out_{name}.pth') for name in ('day', 'night'))
    different = [name for name in day if not torch.equal(day[name], night[name])]
    assert different == ['stem.norm.running_mean', 'stem.norm.running_var']


def test_a_stranger_is_named(job, tmp_path):
    torch.manual_seed(9)
    torch.save(ToyStudent().state_dict(), tmp_path / 'stranger.pth')
    lines = []
    job(experts=dict(stranger=tmp_path / 'stranger.pth'), data={}, echo=lines.append,
        settings=replace(SETTINGS, steps=0, batch_norm='none')).run()
    assert "warning: expert 'stranger' differs from the base by 1." in lines[0]


def test_bad_requests(job, tmp_path):
    with pytest.raises(ValueError, match="data for 'dusk', but the experts are day, night"):
        job(data=dict(dusk={})).run()
    with pytest.raises(ValueError, match=r'checkpoint .*wide\.pth: the checkpoint does not fit'):
        torch.save(ToyStudent(channels=5).state_dict(), tmp_path / 'wide.pth')
        job(experts=dict(wide=tmp_path / 'wide.pth'), data={}).run()
    with pytest.raises(ValueError, match=r'day\.pth is one of the checkpoints to merge'):
        job(out=tmp_path / 'day.pth').run()
    with pytest.raises(ValueError, match=r'late_day\.pth is one of the checkpoints to merge'):
        (tmp_path / 'late_day.pth').write_bytes((tmp_path / 'day.pth').read_bytes())
        job(experts=dict(day=tmp_path / 'late_day.pth'), data={}, out=tmp_path / 'late.pth',
            settings=replace(SETTINGS, batch_norm='each')).run()
    with pytest.raises(ValueError, match="an expert cannot be called 'base'"):
        job(experts=dict(base=tmp_path / 'day.pth'), data={}).run()
    with pytest.raises(ValueError, match='the record takes the name'):
        job(out=tmp_path / 'out.json').run()
    for wrong, said in ((dict(steps=-1), 'steps must be at least 0'), (dict(start='some'), "a number or 'mean'"),
                        (dict(batch_size=0), 'batch_size must be at least 1')):
        with pytest.raises(ValueError, match=said):
            MergeSettings(**wrong)
    assert not (tmp_path / 'out.pth').exists()


def fine_tuned(cfg, state: dict, seed: int) -> dict:
    """Weights after three steps on random frames."""
    model = MODELS.build(cfg.model)
    model.load_state_dict(state)
    loader = DistillRunner.build_dataloader(cfg.train_dataloader, seed=seed)
    optimiser = torch.optim.SGD(model.train().parameters(), lr=1e-4)
    for _, batch in zip(range(3), loader):
        loss, _ = model.parse_losses(model(**model.data_preprocessor(batch, True), mode='loss'))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.state_dict()


def test_the_command_line_on_detectors(tiny_root, tmp_path):
    config, options = 'configs/demo/sim_student.py', [f'data_root={tiny_root}', *OPTIONS, 'batch_size=1']
    cfg = load_config(config, dict(data_root=str(tiny_root), train_split='tiny_train', num_workers=0, lidar_sweeps=0,
                                   batch_size=1))
    init_default_scope('perception_kd')
    base = MODELS.build(cfg.model).state_dict()
    for name, state in dict(base=base, one=fine_tuned(cfg, base, 1), two=fine_tuned(cfg, base, 2)).items():
        torch.save(dict(state_dict=state), tmp_path / f'{name}.pth')
    line = [config, '--base', f'{tmp_path}/base.pth', '--experts', f'first={tmp_path}/one.pth', f'{tmp_path}/two.pth',
            '--data', 'first', 'train_split=tiny_val', '--steps', '2', '--norm-batches', '1', '--out',
            f'{tmp_path}/merged.pth', '--cfg-options', *options]
    assert run('merge', line) == (0, [])
    load_student(cfg, tmp_path / 'merged.pth')
    record = json.loads((tmp_path / 'merged.json').read_text())
    assert list(record['experts']) == ['first', 'two'] and len(record['divergence']) == 2
    assert record['files'][f'{tmp_path}/merged.pth']['batch_norms'] > 10
    status, lines = run('merge', [*line[:6], '--out', f'{tmp_path}/x.pth', '--data', 'first', 'nonsense'])
    assert status == 1 and "--data first: 'nonsense' is not of the form KEY=VALUE" in lines[0]

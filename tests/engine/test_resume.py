"""N + M steps equal N steps, a resume, and M steps, bit for bit."""

from pathlib import Path

import pytest
import torch
from mmengine.runner import Runner

from perception_kd.engine.random_state import capture_random_state
from perception_kd.engine.runner import DistillRunner
from perception_kd.engine.safe_checkpoint import read_checkpoint
from tests.engine.tiny_run import NoisyData, RandomMetric, TinyModel, assert_same, build, loader

ITER_HOOK = dict(type='CheckpointHook', interval=1, by_epoch=False)


def train(*args, **kwargs):
    runner = build(*args, **kwargs)
    runner.train()
    return runner


@pytest.mark.parametrize('validate', [False, True])
@pytest.mark.parametrize('seed', [7, None])
def test_whole_epochs(tmp_path: Path, validate: bool, seed: int | None) -> None:
    whole = train(tmp_path / 'a', epochs=4, validate=validate, seed=seed)
    rest = train(tmp_path / 'b', epochs=4, validate=validate, seed=None, resume=True,
                 load_from=str(tmp_path / 'a/epoch_2.pth'))
    assert_same(whole, rest)
    assert rest.model.seen == whole.model.seen[6:]


@pytest.mark.parametrize('step', [2, 3])
@pytest.mark.parametrize('persistent', [False, True])
def test_any_number_of_workers(tmp_path: Path, step: int, persistent: bool) -> None:
    """The first run reads with two workers; what goes on reads with one, or with none."""
    whole = train(tmp_path / 'a', epochs=2, workers=2, persistent=persistent, hook=ITER_HOOK)
    for workers in (0, 1):
        rest = train(tmp_path / str(workers), epochs=2, workers=workers, hook=ITER_HOOK, resume=True,
                     load_from=str(tmp_path / f'a/iter_{step}.pth'))
        assert rest.model.seen == whole.model.seen[step:]
        assert_same(whole, rest)


@pytest.mark.parametrize('step', [1, 3, 4, 5])
def test_middle_of_an_epoch(tmp_path: Path, step: int) -> None:
    whole = train(tmp_path / 'a', epochs=3, hook=ITER_HOOK)
    start = str(tmp_path / f'a/iter_{step}.pth')
    rest = train(tmp_path / 'b', epochs=3, hook=ITER_HOOK, resume=True, load_from=start)
    assert rest.iter == whole.iter == 9 and rest.epoch == 3
    assert_same(whole, rest)


@pytest.mark.parametrize('sampler', ['DefaultSampler', 'InfiniteSampler'])
@pytest.mark.parametrize('step', [2, 3, 7])
def test_iterations(tmp_path: Path, sampler: str, step: int) -> None:
    whole = train(tmp_path / 'a', iters=9, sampler=sampler, hook=ITER_HOOK, validate=True)
    start = str(tmp_path / f'a/iter_{step}.pth')
    rest = train(tmp_path / 'b', iters=9, sampler=sampler, hook=ITER_HOOK, validate=True, resume=True,
                 load_from=start)
    assert_same(whole, rest)
    assert rest.model.seen == whole.model.seen[step:]


def test_nothing_is_read_for_the_skipped_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(tmp_path, epochs=2, hook=ITER_HOOK)
    read, original = [], NoisyData.__getitem__
    monkeypatch.setattr(NoisyData, '__getitem__', lambda self, i: read.append(i) or original(self, i))
    train(tmp_path / 'b', epochs=2, hook=ITER_HOOK, resume=True, load_from=str(tmp_path / 'iter_5.pth'))
    assert len(read) == 4


@pytest.mark.parametrize('scheduler', [
    dict(type='MultiStepLR', milestones=[1, 2, 3], by_epoch=True),
    dict(type='StepLR', step_size=1, by_epoch=True),
])
def test_more_epochs_than_planned(tmp_path: Path, scheduler: dict) -> None:
    whole = train(tmp_path / 'a', epochs=4, scheduler=scheduler)
    train(tmp_path / 'b', epochs=2, scheduler=scheduler)
    rest = train(tmp_path / 'b', epochs=4, scheduler=scheduler, resume=True)
    assert_same(whole, rest)


def test_one_cycle_schedule_holds_a_function_and_resumes(tmp_path: Path) -> None:
    scheduler = dict(type='OneCycleLR', eta_max=0.05, total_steps=4, by_epoch=True, convert_to_iter_based=True)
    whole = train(tmp_path / 'a', epochs=4, scheduler=scheduler)
    rest = train(tmp_path / 'b', epochs=4, scheduler=scheduler, resume=True,
                 load_from=str(tmp_path / 'a' / 'epoch_2.pth'))
    assert_same(whole, rest)


def test_auto_resume_in_a_moved_folder_and_in_an_empty_one(tmp_path: Path) -> None:
    whole = train(tmp_path / 'a', epochs=2)
    train(tmp_path / 'b', epochs=1)
    (tmp_path / 'b').rename(tmp_path / 'c')
    rest = train(tmp_path / 'c', epochs=2, resume=True)
    assert len(rest.model.seen) == 3
    assert_same(whole, rest)
    assert len(train(tmp_path / 'd', epochs=1, resume=True).model.seen) == 3


def test_only_the_newest_checkpoints_stay(tmp_path: Path) -> None:
    hook = dict(type='CheckpointHook', interval=1, max_keep_ckpts=2)
    train(tmp_path, epochs=2, hook=hook)
    train(tmp_path, epochs=5, hook=hook, resume=True)
    assert sorted(path.name for path in tmp_path.glob('*.pth')) == ['epoch_4.pth', 'epoch_5.pth']
    assert (tmp_path / 'last_checkpoint').read_text().endswith('epoch_5.pth')


def test_best_checkpoint_is_written_and_can_be_loaded(tmp_path: Path) -> None:
    hook = dict(type='CheckpointHook', interval=1, save_best='m/score', rule='greater')
    train(tmp_path, epochs=2, validate=True, hook=hook)
    best = list(tmp_path.glob('best_m_score_epoch_*.pth'))
    assert len(best) == 1 and 'optimizer' not in read_checkpoint(best[0])


def test_the_best_checkpoint_stays_until_a_better_one_is_written(tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    there, original = [], DistillRunner.save_checkpoint

    def save(self, out_dir, filename, *args, **kwargs):
        there.append((filename, {path.name for path in tmp_path.glob('best_*')}))
        original(self, out_dir, filename, *args, **kwargs)

    monkeypatch.setattr(DistillRunner, 'save_checkpoint', save)
    monkeypatch.setattr(RandomMetric, 'compute_metrics', lambda self, results: {'score': len(there)})
    hook = dict(type='CheckpointHook', interval=-1, save_best='m/score', rule='greater', save_last=False)
    train(tmp_path, epochs=3, validate=True, hook=hook)
    assert [(name, sorted(old)) for name, old in there] == [
        (f'best_m_score_epoch_{epoch}.pth', [f'best_m_score_epoch_{epoch - 1}.pth'] if epoch > 1 else [])
        for epoch in (1, 2, 3)]
    assert [path.name for path in tmp_path.glob('best_*')] == ['best_m_score_epoch_3.pth']


@pytest.mark.parametrize('stop', [1, 3])
@pytest.mark.parametrize(('unit', 'hook'), [('epochs', None), ('iters', ITER_HOOK)])
def test_a_validation_that_was_killed_is_done_after_the_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                               unit: str, hook: dict | None, stop: int) -> None:
    """Also the last one, after which nothing is left to train. Of iterations every fourth is validated."""
    length = {unit: 3 if unit == 'epochs' else 12}
    whole = train(tmp_path / 'a', **length, validate=True, hook=hook)
    done: list[int] = []

    def compute(self: RandomMetric, results: list[float]) -> dict[str, float]:
        done.append(len(done))
        if len(done) == stop:
            raise KeyboardInterrupt
        return dict(score=0.0)

    monkeypatch.setattr(RandomMetric, 'compute_metrics', compute)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / 'b', **length, validate=True, hook=hook)
    assert_same(whole, train(tmp_path / 'b', **length, validate=True, hook=hook, resume=True))
    assert len(done) == 4, 'three, and the killed one once more'


def test_validation_does_not_change_training(tmp_path: Path) -> None:
    with_validation = train(tmp_path / 'a', epochs=2, validate=True)
    assert_same(with_validation, train(tmp_path / 'b', epochs=2))


@pytest.mark.parametrize('workers', [0, 1])
def test_samples_draw_anew_every_epoch_and_leave_the_process_alone(tmp_path: Path, workers: int) -> None:
    runner = build(tmp_path, epochs=1)
    data = runner.build_dataloader(dict(loader(12, 'DefaultSampler', workers, shuffle=False)), seed=5)
    passes = []
    for epoch in (0, 0, 1):
        data.sampler.set_epoch(epoch)
        before = capture_random_state()
        passes.append(next(iter(data))['x'])
        after = capture_random_state()
        assert torch.equal(after.pop('torch'), before.pop('torch')) and repr(after) == repr(before)
    assert torch.equal(passes[0], passes[1]) and not torch.isclose(passes[0], passes[2]).any()
    noise = passes[0][:, 0] - torch.arange(12) / 12
    assert len(set(noise.tolist())) == 12, 'samples of one epoch draw apart'


def test_a_loader_with_a_sampler_of_its_own_draws_anew(tmp_path: Path) -> None:
    runner, data = build(tmp_path, epochs=1), NoisyData()
    own = dict(dataset=data, batch_size=12, num_workers=1, sampler=torch.utils.data.SequentialSampler(data),
               collate_fn=dict(type='default_collate'))
    loader_ = runner.build_dataloader(own, seed=5)
    one, two = (next(iter(loader_))['x'] for _ in range(2))
    assert not torch.allclose(one, two)


def test_settings_of_workers_do_not_matter_without_workers() -> None:
    settings = dict(loader(4, 'DefaultSampler', 0), persistent_workers=True, prefetch_factor=2)
    data = DistillRunner.build_dataloader(settings, seed=0)
    assert data.num_workers == 0 and not data.persistent_workers and len(list(data)) == 3
    assert settings['persistent_workers'], 'the config stays as it is'
    kept = DistillRunner.build_dataloader({**settings, 'num_workers': 1}, seed=0)
    assert kept.persistent_workers and kept.prefetch_factor == 2


def test_checkpoint_of_mmengine_resumes(tmp_path: Path) -> None:
    """mmengine's file holds HistoryBuffer objects, which current torch refuses."""
    runner = Runner(
        model=TinyModel(),
        work_dir=str(tmp_path / 'theirs'),
        train_dataloader=loader(4, 'DefaultSampler', 0),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.01)),
        param_scheduler=dict(type='MultiStepLR', milestones=[1, 3]),
        randomness=dict(seed=7),
        experiment_name='theirs',
        log_level='ERROR',
    )
    runner.train()
    file = str(tmp_path / 'theirs/epoch_1.pth')
    with pytest.raises(Exception, match=r'(?i)weights.only'):
        torch.load(file, weights_only=True)
    ours = build(tmp_path / 'ours', epochs=2, resume=True, load_from=file)
    ours.train()
    assert (ours.epoch, ours.iter, len(ours.model.seen)) == (2, 6, 3)


def test_weights_alone_do_not_resume(tmp_path: Path) -> None:
    torch.save({'state_dict': TinyModel().state_dict()}, tmp_path / 'weights.pth')
    with pytest.raises(ValueError, match='holds weights only and cannot be resumed'):
        train(tmp_path, epochs=1, resume=True, load_from=str(tmp_path / 'weights.pth'))
    loaded = train(tmp_path, epochs=1, load_from=str(tmp_path / 'weights.pth'))
    assert loaded.iter == 3


def test_logged_history_goes_on(tmp_path: Path) -> None:
    train(tmp_path, epochs=1)
    rest = train(tmp_path, epochs=2, resume=True)
    losses, _ = rest.message_hub.get_scalar('train/loss').data
    assert len(losses) == 6

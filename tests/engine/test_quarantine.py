"""Bad steps leave nothing behind, their samples are written down, avoided later, limited, and it all resumes."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn
from torch.utils.data import Dataset

from perception_kd.distill import Distiller
from perception_kd.distill.accounting import NonFiniteLoss
from perception_kd.engine.amp import PortableAmpOptimWrapper
from perception_kd.engine.guarded_step import guarded_step
from perception_kd.engine.quarantine import FILE, Quarantined, QuarantineHook, blame, read_quarantine, report
from perception_kd.engine.resumable import ResumableSampler, another
from perception_kd.engine.runner import BriefRunner
from tests.distill.toys import ToyStudent, feature_pair, toy_batch, toy_sample, toy_teacher


class Data(Dataset):
    """Eight samples; ``broken`` have NaN inputs, ``steep`` a finite loss with an infinite gradient."""

    metainfo: dict = {}

    def __init__(self, broken: tuple[int, ...] = (), steep: tuple[int, ...] = ()) -> None:
        self.broken, self.steep = broken, steep

    def __len__(self) -> int:
        return 8

    def get_data_info(self, index: int) -> dict:
        return dict(token=f'token{index}')

    def __getitem__(self, index: int) -> dict:
        inputs, sample = toy_sample(index, boxes=1)
        if index in self.broken:
            inputs['img'][0, 0, 0] = float('nan')
        sample.set_metainfo(dict(index=int(index), steep=index in self.steep))
        if index == 7:
            sample.set_metainfo(dict(replaced=('sample 99: no header',)))
        return dict(inputs=inputs, data_samples=sample)


class Student(ToyStudent):
    """Keeps the tokens that it sees, and its weights and buffers after each step."""

    def __init__(self) -> None:
        super().__init__(dropout=0.0)
        self.seen: list[list[str]] = []

    def forward(self, inputs, data_samples=None, mode='tensor'):
        losses = super().forward(inputs, data_samples, mode)
        if mode == 'loss':
            self.seen.append([sample.metainfo['token'] for sample in data_samples])
            if any(sample.metainfo['steep'] for sample in data_samples):
                losses['loss_steep'] = (self.head.reg.bias * 0).abs().sqrt().sum()
        return losses


def student(bare: bool) -> nn.Module:
    torch.manual_seed(0)
    if bare:
        return Student()
    return Distiller(student=Student(), teachers=dict(lidar=toy_teacher()),
                     pairs=dict(one=feature_pair(connector=dict(type='DistillAdaptor'))))


def run(folder: Path, data: Data, *, epochs: int = 1, most: int = 0, bare: bool = False, accumulate: int = 1,
        batch: int = 2, sampler: str = 'DefaultSampler', workers: int = 0, **settings) -> BriefRunner:
    run.count += 1
    plan = settings.pop('train_cfg', dict(by_epoch=True, max_epochs=epochs))
    runner = BriefRunner(
        model=student(bare), work_dir=str(folder), experiment_name=f'quarantine-{run.count}',
        train_dataloader=dict(batch_size=batch, num_workers=workers, dataset=data,
                              sampler=dict(type=sampler, shuffle=False), collate_fn=dict(type='pseudo_collate')),
        train_cfg=plan, default_scope='perception_kd',
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.05), clip_grad=dict(max_norm=5.0),
                           accumulative_counts=accumulate),
        default_hooks=settings.pop('default_hooks', dict(ema=dict(type='StudentEMAHook'))), log_level='ERROR',
        randomness=dict(seed=1), cfg=dict(max_quarantined=most), **settings)
    runner.train()
    return runner


run.count = 0


def seen(runner: BriefRunner) -> list[list[str]]:
    return getattr(runner.model, 'student', runner.model).seen


def state(runner: BriefRunner) -> dict[str, torch.Tensor]:
    ema = next(hook for hook in runner.hooks if type(hook).__name__ == 'StudentEMAHook')
    return {**runner.model.state_dict(), **{f'ema.{name}': value for name, value in ema.average.items()}}


class Left(Data):
    """The batches of Data without the one that a bad sample spoils."""

    def __init__(self, *indices: int) -> None:
        super().__init__()
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> dict:
        return super().__getitem__(self.indices[index])


@pytest.mark.parametrize('bare', [False, True])
@pytest.mark.parametrize(('data', 'tokens'), [(dict(broken=(3,)), ['token3']),
                                              (dict(steep=(3,)), ['token2', 'token3'])])
def test_a_bad_step_leaves_nothing_behind(tmp_path: Path, bare: bool, data: dict, tokens: list[str]) -> None:
    """The trained state is that of a run that never had the batch: weights, optimiser, batch norms, average."""
    runner = run(tmp_path / 'a', Data(**data), most=4, bare=bare)
    clean = run(tmp_path / 'b', Left(0, 1, 4, 5, 6, 7), bare=bare)
    one, two = state(runner), state(clean)
    different = [name for name, value in one.items() if not torch.equal(value, two[name])]
    assert not different, different
    content = json.loads((tmp_path / 'a' / FILE).read_text())
    assert [entry['token'] for entry in content['quarantined']] == tokens
    assert content['quarantined'][0]['index'] == int(tokens[0][-1]) and content['quarantined'][0]['iteration'] == 1
    assert 'not finite' in content['quarantined'][0]['reason'] and content['corrupt'] == ['sample 99: no header']


def test_later_epochs_draw_others_and_a_resumed_run_the_same(tmp_path: Path) -> None:
    whole = run(tmp_path / 'a', Data(broken=(3, 4)), epochs=3, most=2)
    first, *later = (seen(whole)[start:start + 4] for start in (0, 4, 8))
    assert [token for tokens in first for token in tokens] == [f'token{index}' for index in range(8)]
    for epoch in later:
        tokens = [token for batch in epoch for token in batch]
        assert not {'token3', 'token4'} & set(tokens) and tokens[:3] == ['token0', 'token1', 'token2']
    run(tmp_path / 'b', Data(broken=(3, 4)), epochs=1, most=2)
    rest = run(tmp_path / 'b', Data(broken=(3, 4)), epochs=3, most=2, resume=True)
    assert seen(rest) == seen(whole)[4:]
    assert all(torch.equal(value, state(rest)[name]) for name, value in state(whole).items())
    files = [json.loads((tmp_path / name / FILE).read_text()) for name in 'ab']
    assert files[0] == files[1] and len(files[0]['quarantined']) == 2


@pytest.mark.parametrize('workers', [0, 1])
def test_with_an_endless_sampler_a_bad_sample_comes_once(tmp_path: Path, workers: int) -> None:
    """Twelve steps are three passes; those that a worker had loaded ahead, two batches, are past the first."""
    settings = dict(most=1, sampler='InfiniteSampler', workers=workers, default_hooks=dict(
        ema=dict(type='StudentEMAHook'), checkpoint=dict(type='CheckpointHook', interval=1, by_epoch=False)))
    plan = dict(by_epoch=False, max_iters=12)
    whole = run(tmp_path / 'a', Data(broken=(2,)), train_cfg=plan, **settings)
    met = [step for step, tokens in enumerate(seen(whole)) if 'token2' in tokens]
    assert met == [1] and len(seen(whole)) == 12
    assert [one.drawn for one in read_quarantine(tmp_path / 'a' / FILE)] == [4 + 4 * workers]
    run(tmp_path / 'b', Data(broken=(2,)), train_cfg=dict(by_epoch=False, max_iters=3), **settings)
    rest = run(tmp_path / 'b', Data(broken=(2,)), train_cfg=plan, resume=True, **settings)
    assert seen(rest) == seen(whole)[3:]
    assert all(torch.equal(value, state(rest)[name]) for name, value in state(whole).items())


def test_a_resumed_run_forgets_what_was_found_beyond(tmp_path: Path) -> None:
    records = [dict(token=f'token{index}', index=index, epoch=0, iteration=2 * index, reason='') for index in (1, 2, 3)]
    (tmp_path / FILE).write_text(json.dumps(dict(quarantined=records)))
    sampler = ResumableSampler(inner=dict(type='DefaultSampler', shuffle=False, seed=1), dataset=Data())
    hook = QuarantineHook(most=3)
    hook.before_train(SimpleNamespace(work_dir=tmp_path, iter=4, train_dataloader=SimpleNamespace(
        sampler=sampler, dataset=Data())))
    assert list(hook.found) == ['token1'], 'the steps 4 and 6 are yet to come'
    sampler.set_epoch(1)
    drawn = list(sampler)
    assert drawn[1] != 1 and drawn[2:] == [2, 3, 4, 5, 6, 7]


def test_a_loss_scaler_looks_after_infinite_gradients_itself() -> None:
    model = student(bare=True)
    wrapper = PortableAmpOptimWrapper(optimizer=torch.optim.SGD(model.parameters(), lr=0.1), dtype='float16')
    batch = toy_batch(1)
    batch['data_samples'][0].set_metainfo(dict(steep=True))
    before = [weight.clone() for weight in model.parameters()]
    scale = wrapper.loss_scaler.get_scale()
    guarded_step(model, batch, wrapper)
    assert wrapper.loss_scaler.get_scale() == scale / 2, 'left out by the scaler'
    assert all(torch.equal(old, new) for old, new in zip(before, model.parameters()))
    with pytest.raises(NonFiniteLoss, match='a gradient is not finite'):
        guarded_step(model, batch, OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1)))


def test_what_was_found_after_the_checkpoint_is_found_again(tmp_path: Path) -> None:
    run(tmp_path, Data(broken=(5,)), epochs=1, most=2)
    known = read_quarantine(tmp_path / FILE)
    assert [one.iteration for one in known] == [2]
    again = run(tmp_path, Data(broken=(5,)), epochs=1, most=2)  # no resume: it begins without
    assert [token for tokens in seen(again) for token in tokens] == [f'token{index}' for index in range(8)]
    assert read_quarantine(tmp_path / FILE) == known


@pytest.mark.parametrize(('most', 'message'), [
    (1, r'2 samples gave numbers that are not finite, and max_quarantined is 1.*quarantine\.json'),
    (0, r"Pair 'one': student tap 'bev' is not finite")])
def test_the_limit_stops_the_run(tmp_path: Path, most: int, message: str) -> None:
    with pytest.raises(NonFiniteLoss, match=message):
        run(tmp_path, Data(broken=(1, 3)), most=most)
    assert not list(tmp_path.glob('*.pth')) and (tmp_path / FILE).is_file() == bool(most)


def test_of_an_accumulation_the_rest_goes_on(tmp_path: Path) -> None:
    """Of groups of two steps, the second has a bad first step: it drops out and the other one moves the weights."""
    runner = run(tmp_path, Data(broken=(2,)), most=1, bare=True, batch=1, accumulate=2)
    assert runner.optim_wrapper.optimizer.state_dict()['state'][0]['step'] == 4
    ema = next(hook for hook in runner.hooks if type(hook).__name__ == 'StudentEMAHook')
    assert ema.updates == 4
    runner = run(tmp_path / 'last', Data(broken=(3,)), most=1, bare=True, batch=1, accumulate=2)
    assert runner.optim_wrapper.optimizer.state_dict()['state'][0]['step'] == 3, 'the group that ends badly is dropped'


def test_replacements() -> None:
    draws = [another((1, epoch, 0), 5, {1, 3}) for epoch in range(40)]
    assert set(draws) == {0, 2, 4} and draws == [another((1, epoch, 0), 5, {1, 3}) for epoch in range(40)]
    with pytest.raises(ValueError, match='every sample of the data set is quarantined'):
        another((0,), 2, {0, 1})
    sampler = ResumableSampler(inner=dict(type='DefaultSampler', shuffle=False, seed=1), dataset=range(4))
    plain = [index.seed for index in sampler]
    sampler.avoid(2, 0, 4)
    assert list(sampler) == [0, 1, 2, 3], 'only later epochs avoid'
    sampler.set_epoch(1)
    drawn = list(sampler)
    assert drawn[:2] == [0, 1] and drawn[3] == 3 and drawn[2] != 2
    sampler.set_epoch(0)
    assert [index.seed for index in sampler] == plain


def test_blame_and_report(tmp_path: Path) -> None:
    batch = toy_batch(1, 2)
    assert blame(batch, here=False) == [] and [name for _, name, _ in blame(batch, here=True)] == ['token1', 'token2']
    batch['inputs']['points'][1][0, 0] = float('inf')
    assert blame(batch, here=False) == [(True, 'token2', None)]
    text = report([f't{index}: bad' for index in range(12)], [])
    assert text.startswith('12 samples were quarantined:\n  t0: bad')
    assert '  and 2 more, all in quarantine.json\n' in text
    assert text.endswith('0 corrupt samples were replaced')
    (tmp_path / FILE).write_text('{"quarantined": [{"x": 1}]}')
    with pytest.raises(ValueError, match=r'quarantine\.json is damaged'):
        read_quarantine(tmp_path / FILE)
    with pytest.raises(ValueError, match='max_quarantined must be a whole number, 0 or more, got -1'):
        QuarantineHook(most=-1)


def test_pictures_are_known_by_their_files() -> None:
    """Batches of 2D detection are lists of pictures; what names a sample is its file, in the data set, too."""
    samples = [SimpleNamespace(metainfo=dict(img_path=f'{name}.jpg', index=place)) for place, name in enumerate('ab')]
    batch = dict(inputs=[torch.ones(3, 4, 4), torch.full((3, 4, 4), float('nan'))], data_samples=samples)
    assert blame(batch, here=False) == [(True, 'b.jpg', 1)]

    avoided: list[int] = []
    sampler = ResumableSampler(inner=dict(type='DefaultSampler', shuffle=False), dataset=range(2), seed=0)
    sampler.avoid = lambda index, last, size: avoided.append(index)
    dataset = [dict(img_path='a.jpg'), dict(img_path='c.jpg')]
    loader = SimpleNamespace(sampler=sampler, dataset=_Files(dataset))
    hook, runner = QuarantineHook(most=2), SimpleNamespace(train_dataloader=loader)
    for token, index in (('a.jpg', 0), ('b.jpg', 1)):  # at place 1 the data set has another file now
        hook._avoid(runner, Quarantined(token, index, epoch=0, iteration=0, reason='NaN'))
    assert avoided == [0]


class _Files(list):
    get_data_info = list.__getitem__

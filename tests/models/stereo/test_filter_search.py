"""Designs of the cost filter's blocks: shapes and sizes of the teacher's, everything that the grammar says, a loss."""

from __future__ import annotations

import itertools
import json
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from perception_kd.compress import BlockDistillModel
from perception_kd.compress.search.block_taps import BlockCall, module_at, record_call, swapped
from perception_kd.distill.teacher import FrozenTeacher
from perception_kd.engine.build import load_config
from perception_kd.models.stereo import StereoMatcher
from perception_kd.models.stereo.cost_filter import WIRING, CostFilter, released_blocks
from perception_kd.models.stereo.cost_filter.grammar import BlockFrame, Grammar
from perception_kd.models.stereo.cost_filter.search_space import StereoFilterSpace
from perception_kd.registry import MODELS
from tests.models.stereo.tiny import DEFAULTS, batch_of, tiny_matcher

FILTER = dict(type='CostFilter', blocks=dict(preset='teacher', widths=(4, 6, 8, 10), axial=3, transformer_layers=2,
                                             heads=2))
COMPACT = dict(type='CostFilter', blocks=dict(preset='compact', widths=(4, 8, 8, 12), transformer_layers=1, gate=4))


@pytest.fixture(scope='module')
def teacher() -> StereoMatcher:
    """A tiny matcher with a filter of the published layers."""
    return tiny_matcher(cost_filter=FILTER).eval()


@pytest.fixture(scope='module')
def calls(teacher: StereoMatcher) -> dict[str, BlockCall]:
    """What each block is called with, and gives."""
    left, right = torch.randn(2, 1, 3, 32, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return {name: record_call(teacher, f'cost_filter.blocks.{name}', lambda: teacher.disparity(left, right))
                for name in WIRING}


def chain(spec: dict[str, Any]) -> list[dict]:
    """All layers of a design but transformers."""
    return [layer for part in ('layers', 'skip_layers', 'after') for layer in spec.get(part, [])
            if layer['type'] != 'transformer']


def drawn(space: StereoFilterSpace, name: str, teacher: StereoMatcher, count: int) -> list[dict]:
    """Designs of a block, as they come out of JSON."""
    rng = np.random.default_rng(0)
    return [json.loads(json.dumps(space.draw(name, rng, teacher))) for _ in range(count)]


@pytest.mark.parametrize('name', WIRING)
def test_every_design_keeps_shapes_and_has_no_more_layers(name: str, teacher, calls) -> None:
    space = StereoFilterSpace()
    most = dict(stem=5, down8=3, down16=3, down32=3, up16=5, up8=5, up4=3, classifier=3)[name]
    specs = drawn(space, name, teacher, 8)
    assert {len(chain(spec)) for spec in drawn(space, name, teacher, 60)} == set(range(1, most + 1))
    for spec in specs:
        block = space.build(name, spec, teacher).eval()
        with torch.no_grad():
            (made,) = calls[name].repeat(block)
        assert made.shape == calls[name].written[0].shape
        assert made.isfinite().all()


def test_designs_say_everything_that_the_published_grammar_says(teacher) -> None:
    space = StereoFilterSpace()
    specs = {name: drawn(space, name, teacher, 300) for name in ('stem', 'down16', 'up8', 'up4', 'classifier')}
    found = {name: {(layer['type'], layer.get('channels'), layer.get('axial'), layer.get('norm'), layer.get('act'))
                    for spec in many for layer in chain(spec) if 'stride' not in layer} for name, many in specs.items()}
    flags = list(itertools.product((2, 4, 8), (None,), (True, False), ('leaky', None)))
    assert found['stem'] == {('excite', None, None, None, None), *(('conv', *flag) for flag in flags),
                             *(('residual', channels, None, None, None) for channels in (2, 4)),
                             *(('apc', channels, axial, None, None) for channels in (2, 4) for axial in (3, 9, 17))}
    assert {(layer['channels'], layer['norm'], layer['act']) for spec in specs['down16'] for layer in spec['layers'][:1]
            if layer['stride'] == 2} == set(itertools.product((4, 8, 16), (True, False), ('leaky', None)))
    assert {spec['layers'][0]['type'] for spec in specs['up8']} == {'deconv'}
    assert {spec['merge'] for spec in specs['up8']} == {'sum', 'concat'}
    mixers = [mixer for spec in specs['up4'] for mixer in spec['skip_layers']]
    assert len(mixers) == 300 and {(one['layers'], one['ffn'], one['heads']) for one in mixers} == set(
        itertools.product(range(1, 7), (8, 16), (2, 4)))
    places = {(place, len(spec['layers'])) for spec in specs['stem'] for place, layer in enumerate(spec['layers'])
              if layer['type'] == 'excite'}
    assert places == {(place, count) for count in range(2, 6) for place in range(count)}
    last = [spec['layers'][-1] for spec in specs['classifier']]
    assert last == [dict(type='conv', kernel=3, channels=1, norm=False, act=None)] * 300


def test_the_published_student_has_no_more_layers_than_its_teacher() -> None:
    with torch.device('meta'):
        paper = CostFilter(feature_channels=(224, 192, 320, 304))
    for name, block in released_blocks().items():
        frame = BlockFrame.of(paper, name)
        assert len(chain(block)) <= frame.layers
        if name == 'down16':
            factors = [layer['channels'] / frame.base for layer in block['layers']]
            assert factors == [1, 0.5, 1]
    assert BlockFrame.of(paper, 'up4').transformer == dict(patch=4, shortcut=False)


@pytest.mark.parametrize('wide', [False, True], ids=['equal', 'narrower skip'])
def test_a_merge_gets_the_channels_that_it_needs(wide: bool) -> None:
    frame = BlockFrame(name='up8', in_channels=8, skip_channels=3 if wide else 6, out_channels=6, layers=2)
    rng = np.random.default_rng(0)
    for spec in (Grammar().draw(frame, rng) for _ in range(40)):
        assert spec['layers'][0]['channels'] == (frame.skip_channels if spec['merge'] == 'sum' else 6)
        ends = [layer['channels'] for layer in spec['after'] if layer['type'] != 'excite'][-1:]
        assert ends == [6] if wide or spec['merge'] == 'concat' else ends in ([], [6])
    one = BlockFrame(name='up8', in_channels=8, skip_channels=6, out_channels=6, layers=1)
    assert {Grammar().draw(one, rng)['merge'] for _ in range(20)} == {'sum'}
    with pytest.raises(ValueError, match='block up8: its one layer cannot merge 6 channels into 6; allow merge sum'):
        Grammar(merge=['concat']).draw(one, rng)


def test_the_config_of_the_student_builds_what_was_swapped_in(teacher) -> None:
    space, batch = StereoFilterSpace(), batch_of(4)
    torch.manual_seed(3)
    choice = {name: drawn(space, name, teacher, 3)[-1] for name in ('down8', 'up4')}
    blocks = {name: space.build(name, spec, teacher).eval() for name, spec in choice.items()}
    student = MODELS.build(space.apply({**DEFAULTS, 'cost_filter': FILTER}, choice)).eval()
    weights = teacher.state_dict()
    for name, block in blocks.items():
        path = space.path(name)
        weights = {key: value for key, value in weights.items() if not key.startswith(f'{path}.')}
        weights |= {f'{path}.{key}': value for key, value in block.state_dict().items()}
    student.load_state_dict(weights)
    data = teacher.data_preprocessor(batch)
    with torch.no_grad(), swapped(teacher, space.path('down8'), blocks['down8']), \
            swapped(teacher, space.path('up4'), blocks['up4']):
        assert torch.equal(student(**data), teacher(**data))
    assert module_at(teacher, space.path('up4')) is not blocks['up4']


def test_the_last_block_learns_the_truth_the_others_the_teachers_volumes(teacher) -> None:
    space, batch = StereoFilterSpace(), batch_of(4, 9, height=44)
    for name in ('up8', 'classifier'):
        spec = drawn(space, name, teacher, 1)[0]
        model = BlockDistillModel(teacher=FrozenTeacher(model=teacher, allow_random=True), space=space, block=name,
                                  candidates=dict(one=spec)).eval()
        loss = model(**batch)['loss_one']
        data = teacher.data_preprocessor(dict(batch))
        with torch.no_grad():
            call = record_call(teacher, space.path(name), partial(teacher, **data))
            (made,), (taught,) = call.repeat(model.candidates['one']), call.written
        wanted = (made - taught).square().mean()
        if name == 'classifier':
            probability, pad = made[:, 0].softmax(1), data['data_samples'][0].pad
            expected = sum(d * probability[:, d] for d in range(probability.shape[1]))
            truth = functional.pad(torch.stack([sample.gt_disp for sample in batch['data_samples']]), pad)[:, ::4, ::4]
            valid = functional.pad(torch.stack([sample.gt_valid for sample in batch['data_samples']]), pad)[:, ::4, ::4]
            assert 0 < valid.sum() < valid.numel() and (pad[2], pad[3]) == (10, 10)
            away = (expected - truth / 4).abs()
            wanted = torch.where(away < 1, away.square() / 2, away - 0.5)[valid].mean()
        torch.testing.assert_close(loss.detach(), wanted)
        loss.backward()
        assert all(weight.grad is not None for weight in model.parameters())


def test_the_grammar_of_the_small_search_fits_the_compact_filter() -> None:
    settings = load_config('configs/compress/stereo_small_search.py').search.to_dict()['space']
    settings.pop('type')
    space, small = StereoFilterSpace(**settings), tiny_matcher(cost_filter=COMPACT).eval()
    left, right = torch.randn(2, 1, 3, 32, 64)
    with torch.no_grad():
        for name, path in space.blocks.items():
            call = record_call(small, path, lambda: small.disparity(left, right))
            for spec in drawn(space, name, small, 8):
                (made,) = call.repeat(space.build(name, spec, small).eval())
                assert made.shape == call.written[0].shape
    assert not all(spec['skip_layers'] for spec in drawn(space, 'up4', small, 20))


@pytest.mark.parametrize(('settings', 'message'), [
    (dict(blocks=['up4', 'up2']), 'blocks of a cost filter are stem, .*; got up4, up2'),
    (dict(grammar=dict(axes=3)), "grammar of a cost filter: it got an unexpected keyword argument 'axes'"),
    (dict(grammar=dict(merge=['product'])), 'merge is of sum, concat, got product'),
    (dict(grammar=dict(layers=dict(apc=dict(axial=[])))), r'axial is a list of one choice or more, got \[\]'),
    (dict(grammar=dict(up=[])), r'up is a list of one choice or more, got \[\]')])
def test_bad_settings_are_told(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StereoFilterSpace(**settings)


def test_a_design_that_does_not_fit_is_told(teacher) -> None:
    space = StereoFilterSpace(grammar=dict(transformer=dict(layers=(1,), heads=(3,))))
    with pytest.raises(ValueError, match='no number of heads of the grammar divides 4 channels'):
        space.draw('up4', np.random.default_rng(0), teacher)
    with pytest.raises(ValueError, match='block stem: the design ends in 7 channels, the teacher in 4'):
        space.build('stem', dict(layers=[dict(type='conv', channels=7)]), teacher)
    with pytest.raises(ValueError, match="layer type 'pool' of a cost filter"):
        space.build('stem', dict(layers=[dict(type='pool')]), teacher)

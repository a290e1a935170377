"""Cut maps: the cells that count are the map's, and every statistic that a normalisation reads is the whole map's."""

from __future__ import annotations

import pytest
import torch

from perception_kd.distill.losses import BCE, L1, MSE, normalised
from perception_kd.distill.masks import ActivationMap
from perception_kd.distill.pair_builder import build_pairs
from perception_kd.distill.teacher_cache.cells import cut, is_cut, needs_of, restore, suffices
from perception_kd.structures import TapSpec
from tests.distill.teacher_cache.worlds import MASK
from tests.distill.toys import GRID, feature_pair, response_pair


def one_map(seed: int = 0) -> torch.Tensor:
    value = torch.randn(1, 5, 8, 8, generator=torch.Generator().manual_seed(seed)) * torch.arange(1, 6).view(5, 1, 1)
    value[:, 2] = 0  # a channel that nothing wakes
    return value + torch.arange(5).view(5, 1, 1)


@pytest.mark.parametrize('share', [0.0, 0.3, 0.9])
def test_a_cut_map_keeps_its_cells_and_all_statistics(share):
    value = one_map()
    cells = torch.rand(64, generator=torch.Generator().manual_seed(1)) < share
    stored = cut(value, cells)
    assert is_cut(stored) and stored['values'].shape == (5, int(cells.sum()))
    again = restore(stored)
    assert torch.equal(again.flatten(2)[..., cells], value.flatten(2)[..., cells])
    assert not torch.equal(again, value)
    for power in (1, 2):
        sums = [one.double().pow(power).sum(dim=(2, 3)) for one in (value, again)]
        torch.testing.assert_close(*sums, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('mode', ['rms', 'channel_rms', 'channel_std', 'l2', None])
def test_every_normalisation_sees_the_whole_map(mode):
    value, student = one_map(), one_map(2)
    cells = torch.rand(64, generator=torch.Generator().manual_seed(3)) < 0.4
    both = (value, restore(cut(value, cells)))
    wanted, found = (normalised(student, one, mode)[1].flatten(2)[..., cells] for one in both)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
    holes = torch.where(cells.view(1, 1, 8, 8), value, 0.0)
    if mode in ('rms', 'channel_rms', 'channel_std'):  # what a cut without statistics would have done
        assert not torch.allclose(normalised(student, holes, mode)[1].flatten(2)[..., cells], wanted, rtol=1e-2)


def test_what_cannot_be_cut_stays_whole():
    value = one_map()
    nearly = torch.ones(64, dtype=torch.bool)
    nearly[5] = False
    assert cut(value, None) is value and cut(value, nearly) is value and not is_cut(value)
    heads = [[dict(heatmap=value)]]
    assert cut(heads, None) is heads


def test_what_is_stored_suffices_where_it_covers():
    value, cells = one_map(), torch.zeros(64, dtype=torch.bool)
    cells[10:20] = True
    stored, more = cut(value, cells), cells.clone()
    more[30] = True
    assert suffices(stored, cells) and suffices(value, None)
    assert not suffices(stored, more) and not suffices(stored, None)


def needs(store: str = 'masked', **pairs):
    students = {name: TapSpec(name, kind, 6, '', grid=GRID) for name, kind in (('bev', 'bev'), ('head', 'head'))}
    teachers = {f'lidar.{name}': spec for name, spec in students.items()}
    teachers['lidar.bev_s8'] = teachers.pop('lidar.bev')
    return needs_of('lidar', build_pairs(pairs, students, teachers), store)


def test_cells_follow_from_the_pairs():
    own = feature_pair(connector=None, mask=MASK)
    gaussian = {**own, 'mask': dict(type='GaussianMask')}
    found = needs(one=own, two=gaussian, head=response_pair(connector=None))
    assert len(found['bev_s8'].masks) == 2 and found['head'].masks == () and 'kind head' in found['head'].reason
    assert needs('whole', one=own)['bev_s8'].masks == ()


@pytest.mark.parametrize(('change', 'reason'), [
    (dict(mask=None), 'has no mask'),
    (dict(mask=dict(type='ActiveCells', occupancy_tap='bev')), 'reads bev'),
    (dict(mask=dict(type='ActivationMap', tap='lidar.bev_s8')), 'reads lidar.bev_s8'),
    (dict(loss=dict(type='CWD')), 'may read every cell'),
])  # fmt: skip
def test_what_needs_the_whole_map_says_why(change, reason):
    own = feature_pair(connector=None, mask=MASK)
    for pairs in (dict(one={**own, **change}, two=own), dict(two=own, one={**own, **change})):
        need = needs(**pairs)['bev_s8']
        assert need.masks == () and reason in need.reason


def test_a_subclass_of_a_loss_is_not_taken_for_the_loss():
    class Farther(MSE):
        """Could look anywhere."""

    own = feature_pair(connector=None, mask=MASK)
    assert all(needs(one={**own, 'loss': loss()})['bev_s8'].masks for loss in (MSE, L1, BCE))
    assert 'Farther' in needs(one={**own, 'loss': Farther()})['bev_s8'].reason


def test_a_map_that_another_pairs_mask_reads_is_whole():
    pair = feature_pair(connector=None, mask=MASK)
    scaled = {**response_pair(connector=None), 'mask': ActivationMap(tap='lidar.bev_s8')}
    need = needs(one=pair, head=scaled)['bev_s8']
    assert need.masks == () and "mask of pair 'head'" in need.reason

"""Rules by name and data set, and figures against averages written out."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from perception_kd.evaluation.stereo.errors import RegionErrors
from perception_kd.evaluation.stereo.protocols import protocol_of
from perception_kd.evaluation.stereo.summary import DatasetErrors, PictureErrors, flatten_figures, format_figures


@pytest.mark.parametrize(('preset', 'dataset', 'rules'), [
    ('ffs', 'middlebury', ('noc', 'image_mean', None, 0.05)),
    ('ffs', 'kitti2015', ('noc', 'pixel_pool', None, 0.05)),
    ('raft_stereo', 'eth3d', ('all', 'image_mean', None, 0.0)),
    ('raft_stereo', 'KITTI2012', ('all', 'pixel_pool', None, 0.0)),
    ('raft_stereo', 'FlyingThings3D', ('all', 'pixel_pool', 192.0, 0.0)),
    ('openstereo', 'middlebury2014', ('noc', 'image_mean', 192.0, 0.05)),
    ('lite_any_stereo', 'eth3d', ('noc', 'image_mean', None, 0.05)),
    ('lite_any_stereo', 'drivingstereo', ('all', 'pixel_pool', 192.0, 0.05)),
])
def test_presets(preset: str, dataset: str, rules: tuple) -> None:
    """Region, aggregate, range and D1 of the evaluators."""
    found = protocol_of(dataset, preset)
    assert (found.region, found.aggregate, found.max_disp, found.d1_share) == rules


def test_changes() -> None:
    """A choice of one's own wins; infinity takes a limit away; an aggregate is that of EPE too."""
    changes = dict(region='noc', max_disp=math.inf, aggregate='pixel_pool', thresholds=[4])
    found = protocol_of('things', 'raft_stereo', **changes)
    assert (found.region, found.max_disp, found.epe_aggregate, found.thresholds) == ('noc', None, 'pixel_pool', (4.0,))


@pytest.mark.parametrize(('changes', 'message'), [
    ({'region': 'left'}, "region 'left' is none of noc, all, occ"), ({'aggregate': 'mean'}, "aggregate 'mean'"),
    ({'max_disp': -1}, 'max_disp must be above 0'), ({'thresholds': [-1]}, 'thresholds must be numbers'),
    ({'preset': 'kitti'}, "protocol 'kitti' is none of ffs")])
def test_bad_choices(changes: dict, message: str) -> None:
    """Each is told."""
    with pytest.raises(ValueError, match=message):
        protocol_of('eth3d', **changes)


def _picture(name: str, pixels: int, error: float, bad: int, **more: RegionErrors) -> PictureErrors:
    return PictureErrors(name, {'all': RegionErrors(pixels, pixels, error, (bad,), bad), **more})


def test_both_aggregates() -> None:
    """Small pictures weigh as much as large ones in a mean over pictures; an empty one has no say."""
    protocol = protocol_of('kitti', region='all', thresholds=[1])
    found = DatasetErrors('kitti', protocol, [_picture('a', 10, 20.0, 5), _picture('b', 90, 9.0, 9),
                                              _picture('c', 0, 0.0, 0)])
    assert found.figures('all', 'image_mean') == pytest.approx({'EPE': (2 + 0.1) / 2, 'BP-1': 30, 'D1': 30,
                                                                'density': 100})
    assert found.figures('all', 'pixel_pool') == pytest.approx({'EPE': 0.29, 'BP-1': 14, 'D1': 14, 'density': 100})
    assert flatten_figures([found])['kitti/BP-1_all'] == pytest.approx(14)  # pooled by this preset
    mixed = DatasetErrors('kitti', protocol_of('kitti', 'raft_stereo', thresholds=[1]), found.pictures)
    assert (mixed.figures('all')['EPE'], mixed.figures('all')['BP-1']) == pytest.approx((1.05, 14))


def test_no_pixel_is_not_a_number() -> None:
    """Never 0, which would be a perfect score."""
    found = DatasetErrors('eth3d', protocol_of('eth3d', thresholds=[1]), [_picture('a', 0, 0.0, 0)])
    assert all(np.isnan(value) for value in found.figures('all').values())
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))['regions']['all']['figures']['EPE'] is None


def test_a_missing_mask_is_told() -> None:
    """The region falls to all pixels as soon as one picture lacks its mask, and the table says so."""
    masked = RegionErrors(4, 3, 1.0, (1,), 1)
    pictures = [_picture('a', 8, 8.0, 2, noc=masked, occ=masked), _picture('b', 8, 8.0, 2)]
    protocol = protocol_of('eth3d', thresholds=[1])
    found = DatasetErrors('eth3d', protocol, pictures)
    assert (found.region, found.regions) == ('all', ['all'])
    assert 'not noc: pairs lack a mask' in format_figures([found])
    whole = DatasetErrors('eth3d', protocol, pictures[:1])
    table = format_figures([whole])
    assert whole.regions == ['noc', 'all', 'occ']
    assert 'not noc' not in table and '25.00 % of the pixels have no prediction' in table
    first = next(line for line in table.splitlines() if line.startswith('noc image_mean'))
    assert first.split()[2:] == ['0.333*', '25.000*', '25.000*', '75.000']
    assert '*' not in next(line for line in table.splitlines() if line.startswith('noc pixel_pool'))

"""A part of a pair that is misspelt is named, with its pair and what there is instead."""

import pytest

from perception_kd.distill.masks import IntensityMap
from perception_kd.distill.parts import build_part
from perception_kd.registry import MASKS
from tests.distill.test_distiller import build
from tests.distill.toys import feature_pair


def test_a_type_alone_is_enough():
    assert isinstance(build_part(MASKS, 'IntensityMap', 'mask'), IntensityMap)
    assert build_part(MASKS, dict(type='IntensityMap', floor=0.1), 'mask').floor == 0.1


@pytest.mark.parametrize(('changes', 'words'), [
    (dict(loss=dict(type='MSE', chanel='mean')), ['loss MSE', 'chanel']),
    (dict(loss='MSQ'), ['unknown loss', 'MSQ', 'MSE']),
    (dict(mask=dict(type='Gauss')), ['unknown mask', 'Gauss', 'GaussianMask']),
    (dict(mask=dict(norm='log')), ['unknown mask', 'None']),
    (dict(connector='Conv3x3'), ['unknown connector', 'Conv3x3', 'Conv1x1']),
    (dict(weight='0.3x'), ['unknown schedule', '0.3x', 'LinearWarmup']),
    (dict(weight=dict(type='LinearWarmup', value=1.0, stop=3)), ['schedule LinearWarmup', 'stop']),
])
def test_mistakes_are_named(changes, words):
    with pytest.raises(ValueError) as caught:
        build(dict(feature={**feature_pair(), **changes}))
    for word in ["pair 'feature'", *words]:
        assert word in str(caught.value)


def test_a_list_of_pairs_is_refused():
    with pytest.raises(ValueError, match='dictionary of pairs by name'):
        build([feature_pair()])

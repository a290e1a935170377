"""The Runner's metric: several data sets, files that score alike, what is wrong with a pair."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator

from perception_kd.evaluation.stereo.metric import StereoMetric, measure_picture
from perception_kd.evaluation.stereo.predictions import find_prediction, pair_name, read_prediction, write_prediction
from perception_kd.registry import METRICS
from perception_kd.structures.stereo_sample import StereoDataSample


def _sample(dataset: str, scene: str, seed: int, *, noc: bool = True) -> StereoDataSample:
    random = np.random.default_rng(seed)
    truth = torch.from_numpy(random.uniform(1, 60, (6, 8)).astype(np.float32))
    sample = StereoDataSample(metainfo=dict(dataset=dataset, scene=scene, left_path=f'{scene}/im0.png'))
    sample.gt_disp, sample.gt_valid = truth, torch.from_numpy(random.random((6, 8)) < 0.9)
    if noc:
        sample.gt_noc = torch.from_numpy(random.random((6, 8)) < 0.8)
    sample.pred_disp = truth + torch.from_numpy(random.normal(0, 2, (6, 8)).astype(np.float32))
    return sample


def _evaluate(samples: list[StereoDataSample], **settings: Any) -> dict[str, float]:
    evaluator = Evaluator(METRICS.build(dict(type='StereoMetric', **settings)))
    for sample in samples:
        evaluator.process(data_samples=[sample])
    return evaluator.evaluate(len(samples))


def test_two_data_sets_in_one_run(tmp_path: Path) -> None:
    """Each by its rules; figures equal sums over the pixels; the file holds every pair."""
    samples = [_sample('middlebury', 'A', 0), _sample('middlebury', 'B', 1), _sample('kitti2015', 'C', 2, noc=False)]
    found = _evaluate(samples, save_dir=str(tmp_path))
    errors = [(one.pred_disp - one.gt_disp).double().abs()[one.gt_valid & one.gt_noc] for one in samples[:2]]
    assert found['stereo/middlebury/EPE_noc'] == pytest.approx(np.mean([one.mean().item() for one in errors]))
    assert found['stereo/middlebury/BP-2_noc'] == pytest.approx(
        100 * np.mean([(one > 2).double().mean().item() for one in errors]))
    assert 'stereo/kitti2015/EPE_noc' not in found and found['stereo/kitti2015/density_all'] == 100
    stored = json.loads((tmp_path / 'stereo_metrics.json').read_text())['datasets']
    assert set(stored['middlebury']['pictures']) == {'A', 'B'}
    pooled = stored['middlebury']['regions']['noc']['pixel_pool']['EPE']
    assert pooled == pytest.approx(torch.cat(errors).mean().item())


def test_stored_maps_score_alike(tmp_path: Path) -> None:
    """What is written is what was scored, bit by bit."""
    metric, sample = StereoMetric(save_dir=str(tmp_path)), _sample('eth3d', 'hall', 3)
    metric.process(None, [sample.to_dict()])
    stored = read_prediction(find_prediction(tmp_path / 'predictions' / 'eth3d', 'hall/im0.png', 'hall'))
    np.testing.assert_array_equal(stored, sample.pred_disp.numpy())
    again = measure_picture('hall', stored, sample.gt_disp.numpy(), sample.gt_valid.numpy(), sample.gt_noc.numpy(),
                            metric._protocol('eth3d'))
    assert [(name, errors) for name, errors in metric.results] == [('eth3d', again)]


def test_pairs_of_one_name_do_not_replace_each_other(tmp_path: Path) -> None:
    """The second one is refused within a run, but not in the next validation."""
    metric, sample = StereoMetric(save_dir=str(tmp_path)), _sample('eth3d', 'hall', 3).to_dict()
    metric.process(None, [sample])
    with pytest.raises(ValueError, match='two pairs of eth3d are called hall'):
        metric.process(None, [sample])
    metric.evaluate(1)
    metric.process(None, [sample])


def test_format_only(tmp_path: Path) -> None:
    """Pairs without truth are written, and there is no figure."""
    sample = _sample('kitti2015', '000000_10', 4)
    del sample.gt_disp, sample.gt_valid
    with pytest.raises(ValueError, match='kitti2015 000000_10 has no true disparity'):
        _evaluate([sample])
    assert _evaluate([sample], format_only=True, save_dir=str(tmp_path), save_format='png') == {}
    stored = read_prediction(tmp_path / 'predictions/kitti2015/000000_10.png')
    np.testing.assert_allclose(stored, sample.pred_disp.clamp(min=1 / 256).numpy(), atol=1 / 512 + 1e-6)


def test_bad_samples_and_choices() -> None:
    """One line each, with the pair's name."""
    sample = _sample('eth3d', 'hall', 5)
    sample.pred_disp = sample.pred_disp[:4]
    with pytest.raises(ValueError, match='pair eth3d hall: disparity is 8 x 4 px, its truth 8 x 6'):
        _evaluate([sample])
    for settings, message in (({'format_only': True}, 'needs save_dir'), ({'save_format': 'exr'}, 'save_format is one'),
                              ({'protocol': 'sintel'}, 'protocol'), ({'region': 'left'}, 'region')):
        with pytest.raises(ValueError, match=message):
            StereoMetric(**settings)


@pytest.mark.parametrize(('form', 'step'), [('pfm', 0.0), ('npy', 0.0), ('png', 1 / 512)])
def test_forms(tmp_path: Path, form: str, step: float) -> None:
    """Values and holes come back; 16-bit PNG rounds to 1/256 px."""
    disparity = np.random.default_rng(0).uniform(0.1, 255, (5, 7)).astype(np.float32)
    disparity[2, 3] = np.nan
    write_prediction(tmp_path, 'scene/left', disparity, form)
    found = read_prediction(find_prediction(tmp_path, 'left.jpg', 'scene/left'))
    np.testing.assert_allclose(found, disparity, atol=step, rtol=0)


def test_names_and_bad_files(tmp_path: Path) -> None:
    """A scene is the name, a picture's own name serves too, no name leads out of the folder, bad files are told."""
    assert pair_name('/data/image_2/000000_10.png', '000000') == '000000'
    assert (pair_name('im0.png', '../a/b'), pair_name('/a/im0.png')) == ('a/b', 'im0')
    with pytest.raises(FileNotFoundError, match=r'no prediction for pair 000000: 000000\.pfm'):
        find_prediction(tmp_path, '000000_10.png', '000000')
    write_prediction(tmp_path, '000000_10', np.ones((2, 2)), 'png')
    assert find_prediction(tmp_path, 'image_2/000000_10.png', '000000').name == '000000_10.png'
    (tmp_path / 'x.npy').write_bytes(b'')
    (tmp_path / 'x.tif').touch()
    cv2.imwrite(str(tmp_path / 'x.png'), np.zeros((2, 2), np.uint8))
    with pytest.raises(ValueError, match='several predictions for pair x'):
        find_prediction(tmp_path, 'x.jpg')
    for name, message in (('x.npy', 'no array'), ('x.png', 'no 16-bit PNG'), ('x.tif', 'is read from')):
        with pytest.raises(ValueError, match=message):
            read_prediction(tmp_path / name)
    np.save(tmp_path / 'x.npy', np.zeros((2, 2, 2)))
    with pytest.raises(ValueError, match='one number a pixel'):
        read_prediction(tmp_path / 'x.npy')

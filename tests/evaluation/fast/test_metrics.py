"""The metrics: the devkit's golden case, hand-made ones, and settings and boxes that are refused."""

import random

import numpy as np
import pytest
from nuscenes.eval.common.config import config_factory
from nuscenes.eval.common.data_classes import EvalBoxes
from nuscenes.eval.detection.evaluate import DetectionEval
from nuscenes.eval.detection.tests import test_algo

from perception_kd.evaluation.fast.boxes import ATTRIBUTE_CODES, LABELS, BoxArrays
from perception_kd.evaluation.fast.curves import cumulative_mean
from perception_kd.evaluation.fast.errors import pair_errors
from perception_kd.evaluation.fast.filters import counting
from perception_kd.evaluation.fast.metrics import evaluate_arrays
from perception_kd.evaluation.fast.settings import OfficialSettings
from tests.evaluation.fast.test_matching import boxes

FRAMES = [str(number) for number in range(30)]
GOLDEN = 0.08606662159639042


def golden_boxes() -> tuple[EvalBoxes, EvalBoxes]:
    """Truth and predictions of the devkit's own ``test_nd_score``, all classes."""
    random.seed(42)
    np.random.seed(42)
    both = EvalBoxes(), EvalBoxes()
    for name in test_algo.TestAlgo.cfg.class_names:
        for side, drawn in zip(both, test_algo.TestAlgo._mock_results(30, 3, 25, name)):
            for token in drawn.sample_tokens:
                side.add_boxes(token, drawn[token])
    return both


def to_arrays(found: EvalBoxes) -> BoxArrays:
    names = ('translation', 'size', 'rotation', 'velocity', 'num_pts', 'ego_translation')
    return BoxArrays(
        frame=[FRAMES.index(box.sample_token) for box in found.all],
        label=[LABELS[box.detection_name] for box in found.all], score=[box.detection_score for box in found.all],
        attribute=[ATTRIBUTE_CODES[box.attribute_name] for box in found.all],
        **{name: [getattr(box, name) for box in found.all] for name in names})


def by_devkit(truth: EvalBoxes, predicted: EvalBoxes, **changed) -> tuple[dict, dict]:
    evaluation = DetectionEval.__new__(DetectionEval)
    evaluation.cfg, evaluation.verbose = config_factory('detection_cvpr_2019'), False
    evaluation.gt_boxes, evaluation.pred_boxes = truth, predicted
    vars(evaluation.cfg).update(changed)
    metrics, details = evaluation.evaluate()
    return metrics.serialize(), details.serialize()


def test_the_devkits_golden_score_by_both_engines():
    truth, predicted = golden_boxes()
    settings = OfficialSettings(dist_ths=[2.0])  # that test matches at 2 m throughout
    assert evaluate_arrays(to_arrays(truth), to_arrays(predicted), settings)[0]['nd_score'] == GOLDEN
    assert by_devkit(truth, predicted, dist_ths=[2.0])[0]['nd_score'] == GOLDEN
    ours, details = evaluate_arrays(to_arrays(truth), to_arrays(predicted))
    theirs, their_details = by_devkit(truth, predicted)
    assert details == their_details
    np.testing.assert_equal(ours.pop('label_tp_errors'),
                            {name: dict(row) for name, row in theirs.pop('label_tp_errors').items()})
    assert {**ours, 'eval_time': 0} == {**theirs, 'eval_time': 0}


def test_settings_are_the_official_ones():
    assert OfficialSettings().serialize() == config_factory('detection_cvpr_2019').serialize()
    some = boxes([0], [0], [0, 0], [0.5])
    for changed in (dict(class_range=dict(car=50)), dict(dist_th_tp=3.0), dict(dist_fcn='iou'),
                    dict(min_precision=1.0)):
        with pytest.raises(ValueError, match='must'):
            evaluate_arrays(some, some, OfficialSettings(**changed))


def test_nothing_and_perfection():
    some, nothing = boxes([0, 1], [0, 9], [0, 0, 3, 3], [0.5, 0.5]), BoxArrays.empty()
    for truth, predicted in ((some, nothing), (nothing, some), (nothing, nothing)):
        summary, details = evaluate_arrays(truth, predicted)
        assert summary['mean_ap'] == summary['nd_score'] == 0 and len(details) == 40
    summary, _ = evaluate_arrays(some, some)
    assert summary['mean_dist_aps']['car'] == pytest.approx(1) and summary['mean_ap'] == pytest.approx(0.2)
    assert summary['label_tp_errors']['car'] == dict(trans_err=0, scale_err=0, orient_err=0, vel_err=0, attr_err=1)


def test_refused_boxes():
    truth = boxes([0, 0], [0, 0], [0, 0, 9, 9], [-1, -1])
    with pytest.raises(ValueError, match='scores below 0'):
        evaluate_arrays(truth, truth.take([0]))
    with pytest.raises(ValueError, match=r'a predicted box has the size \[1.0, 0.0, 1.0\]'):
        evaluate_arrays(truth, truth.replace(score=[1, 1], size=[[1, 0, 1], [1, 1, 1]]))


def test_errors_by_hand():
    truth = boxes([0] * 4, [0, LABELS['barrier'], 0, 0], [0, 0] * 4, [-1] * 4)
    half, unknown = np.sqrt(0.5), np.nan
    truth = truth.replace(rotation=[[1, 0, 0, 0]] * 4, attribute=[0, 0, -1, 2], velocity=[[3, 4], [0, 0], [unknown, 0],
                                                                                         [1, 0]])
    found = truth.replace(
        translation=[[3, 4, 9]] * 4, rotation=[[0, 0, 0, 1], [0, 0, 0, 1], [half, 0, 0, half], [2, 0, 0, 0]],
        size=[[2, 1, 1]] * 4, velocity=np.zeros((4, 2)), attribute=[0, 1, 1, 2])
    errors = pair_errors(truth, found)
    assert errors['trans_err'].tolist() == [5] * 4 and errors['scale_err'].tolist() == [0.5] * 4
    np.testing.assert_allclose(errors['orient_err'], [np.pi, 0, np.pi / 2, 0], atol=1e-15)
    np.testing.assert_array_equal(errors['vel_err'], [5, 0, unknown, 1])
    np.testing.assert_array_equal(errors['attr_err'], [0, 1, unknown, 0])
    np.testing.assert_array_equal(cumulative_mean(np.array([unknown, 1, unknown, 3])), [0, 1, 1, 2])
    np.testing.assert_array_equal(cumulative_mean(np.array([unknown, unknown])), [1, 1])


def test_range_points_and_racks():
    """A rack of 2 x 4 m, turned by a quarter: it reaches 1 m along x and, once turned, 2 m along y no longer."""
    ranges = OfficialSettings().class_range
    bicycle, moto, car = (LABELS[name] for name in ('bicycle', 'motorcycle', 'car'))
    rack = boxes([0], [-1], [5, 0], [-1]).replace(size=[[4, 2, 2]], rotation=[[1, 0, 0, 0]])
    some = boxes([0, 0, 0, 0, 1, 0, 0], [bicycle, moto, car, bicycle, bicycle, car, car],
                 [5.9, 1.9, 4, 2, 5, 0, 6.1, 0, 5, 0, 50, 0, 49, 0], [1] * 7).replace(num_pts=[-1] * 6 + [0])
    assert counting(some, rack, ranges).tolist() == [False, False, True, True, True, False, False]
    turned = rack.replace(rotation=[[np.sqrt(0.5), 0, 0, np.sqrt(0.5)]])
    assert counting(some, turned, ranges).tolist() == [True, True, True, False, True, False, False]
    assert counting(some, BoxArrays.empty(), ranges).tolist() == [True] * 5 + [False] * 2

"""mCE and mRR by hand, and RoboBEV's published ones from its published scores."""

import math

import pytest

from perception_kd.robustness.metrics import corruption_error, mean_known, resilience_rate

# NDS as published by RoboBEV (docs/results and docs/RESULTS.md of its repository): clean, then the mean over three
# severities of camera crash, frame lost, colour quantisation, motion blur, brightness, low light, fog, snow.
DETR3D = (0.4224, 0.2859, 0.2604, 0.3177, 0.2661, 0.4002, 0.2786, 0.3912, 0.1913)
BEVDET_R50 = (0.3770, 0.2486, 0.1924, 0.2408, 0.2061, 0.2565, 0.1102, 0.2461, 0.0625)
BEVDEPTH_R50 = (0.4058, 0.2638, 0.2141, 0.2751, 0.2513, 0.2879, 0.1757, 0.2903, 0.0863)
PUBLISHED = {  # mCE, mRR, CE of each corruption, RR of each, all in per cent
    'DETR3D': (DETR3D, 100.00, 70.77, (100.00,) * 8, (67.68, 61.65, 75.21, 63.00, 94.74, 65.96, 92.61, 45.29)),
    'BEVDet': (BEVDET_R50, 115.12, 51.83, (105.22, 109.19, 111.27, 108.18, 123.96, 123.34, 123.83, 115.93),
               (65.94, 51.03, 63.87, 54.67, 68.04, 29.23, 65.28, 16.58)),
    'BEVDepth': (BEVDEPTH_R50, 110.02, 56.82, (103.09, 106.26, 106.24, 102.02, 118.72, 114.26, 116.57, 112.98),
                 (65.01, 52.76, 67.79, 61.93, 70.95, 43.30, 71.54, 21.27)),
}


@pytest.mark.parametrize('name', PUBLISHED)
def test_published_figures_of_robobev_come_out(name):
    (clean, *scores), mce, mrr, ce, rr = PUBLISHED[name]
    errors = [100 * corruption_error([score] * 3, [base] * 3) for score, base in zip(scores, DETR3D[1:])]
    rates = [100 * resilience_rate([score] * 3, clean) for score in scores]
    assert errors == pytest.approx(ce, abs=0.011) and rates == pytest.approx(rr, abs=0.011)
    assert mean_known(errors) == pytest.approx(mce, abs=0.01) and mean_known(rates) == pytest.approx(mrr, abs=0.01)


def test_published_severities_of_one_corruption_come_out():
    """Camera crash of BEVDet against DETR3D: easy, moderate, hard."""
    bevdet, detr3d = (0.2905, 0.2223, 0.2329), (0.3284, 0.2594, 0.2700)
    assert 100 * corruption_error(bevdet, detr3d) == pytest.approx(105.22, abs=0.02)
    assert 100 * resilience_rate(bevdet, 0.3770) == pytest.approx(65.94, abs=0.02)


def test_by_hand_with_any_number_of_severities():
    assert corruption_error([0.5], [0.75]) == 2.0
    assert corruption_error([0.5, 0.25], [0.5, 0.5]) == 1.25  # (0.5 + 0.75) / (0.5 + 0.5), not the mean of ratios
    assert resilience_rate([0.4, 0.3, 0.2, 0.1, 0.0], 0.5) == pytest.approx(0.4)
    assert resilience_rate([0.6], 0.5) == pytest.approx(1.2)


def test_what_cannot_be_divided_is_blank():
    assert resilience_rate([0.0, 0.0], 0.0) is None
    assert resilience_rate([0.1, None], 0.5) is None and resilience_rate([0.1], math.nan) is None
    assert resilience_rate([], 0.5) is None
    assert corruption_error([0.5], [1.0]) is None and corruption_error([math.nan], [0.5]) is None
    assert mean_known([]) is None and mean_known([None, math.nan]) is None and mean_known([1.0, None]) == 1.0
    with pytest.raises(ValueError, match='equal severities; got 1 and 2'):
        corruption_error([0.5], [0.5, 0.5])

"""Texts on sheets: lines and scales fit, at every resolution."""

from itertools import pairwise

import pytest
from matplotlib.colors import Normalize
from matplotlib.text import Text

from perception_kd.visualization.layout import write_title
from perception_kd.visualization.palette import NUSCENES
from perception_kd.visualization.scales import lidar_scale, radar_scale
from perception_kd.visualization.sheet import Sheet
from tests.visualization.conftest import make_boxes


def extents(sheet, dpi):
    """Left and right end of every text at a resolution, parts of the width."""
    sheet.figure.dpi = dpi
    boxes = [text.get_window_extent(sheet.canvas.get_renderer()) for text in sheet.figure.findobj(Text)
             if text.get_text()]
    return sorted((box.x0 / sheet.width / dpi * 100, box.x1 / sheet.width / dpi * 100) for box in boxes)


@pytest.mark.parametrize('dpi', [40, 55.5, 100, 300])
def test_a_title_ends_before_the_remark_at_every_resolution(make_frame, dpi):
    sheet = Sheet(width=1800, height=60)
    write_title(sheet, make_frame(make_boxes([])), 'predictions with a score of 0.3 or more', 'slow down, right ' * 20)
    _, (_, end), (start, _) = extents(sheet, dpi)
    assert end < start


@pytest.mark.parametrize('width', [120, 220, 340])
@pytest.mark.parametrize('scale', [radar_scale('velocity', NUSCENES), radar_scale('depth', NUSCENES),
                                   *(lidar_scale(by, NUSCENES) for by in ('height', 'intensity'))])
def test_numbers_of_a_scale_keep_apart(scale, width):
    """Both ends are always there, those between where they have room."""
    sheet = Sheet(width=400, height=60)
    sheet.colour_bar(20, 10, width, cmap=scale.cmap, limits=(0, 1), ticks=scale.ticks, unit=scale.unit,
                     norm=scale.norm, open_ends=scale.open_ends)
    ends = extents(sheet, 100)
    assert all(left[1] + 4 / 400 < right[0] for left, right in pairwise(ends))
    assert 2 <= len(ends) <= len(scale.ticks) and ends[0][0] >= 19 / 400 and ends[-1][1] <= (21 + width) / 400


def test_a_roomy_scale_has_all_its_numbers_at_their_places():
    sheet = Sheet(width=400, height=60)
    sheet.colour_bar(0, 10, 400, cmap=radar_scale('velocity', NUSCENES).cmap, limits=(0, 8), ticks=(0, 2, 8), unit='')
    assert [text.get_text() for text in sheet.figure.findobj(Text) if text.get_text()] == ['0', '8 ', '2']
    assert sum(extents(sheet, 100)[1]) / 2 == pytest.approx(Normalize(0, 8)(2), abs=0.01)

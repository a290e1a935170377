"""The sections on drones: every number is the files', the worst pictures are drawn, and the page opens."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from perception_kd.evaluation.uav import read_truth, score
from perception_kd.evaluation.uav.metric import write_metrics
from perception_kd.evaluation.uav.predictions import read_predictions
from perception_kd.files import write_json
from perception_kd.visualization.report.blocks import Chart, Finding, Gallery, Numbers, Table
from perception_kd.visualization.report.gather import gather
from perception_kd.visualization.report.sections import curves, overview, uav_pictures, uav_results
from perception_kd.visualization.report.write import write_report
from tests.evaluation.uav.made import random_world
from tests.visualization.report.run_folders import log_rows, write_training

NAMES = ('teacher', 'plain', 'kd')
WORLD = 'uav-tiny-seed0-0123'


def made_runs(out: Path) -> Path:
    """Pictures, a teacher that sees most, a plain and a distilled student, as trainings and tests leave them."""
    truth, _ = random_world(0, 16, crowds=False, videos=4)
    truth['info'] = dict(stamp=WORLD)
    data = out / 'data'
    (data / 'images').mkdir(parents=True)
    for image in truth['images']:
        cv2.imwrite(str(data / image['file_name']), np.full((512, 640, 3), 90, np.uint8))
    write_json(data / 'annotations' / 'val.json', truth)
    loaded = read_truth(data / 'annotations' / 'val.json')
    detector = dict(type='UAVDetector')
    pairs = dict(head=dict(teacher='uav.head', student='head', loss=dict(type='X')))
    teachers = dict(uav=dict(type='FrozenTeacher', checkpoint=str(out / 'runs' / 'teacher' / 'last.pth')))
    models = [detector, detector, dict(type='Distiller', student=detector, teachers=teachers, pairs=pairs)]
    for number, (name, model) in enumerate(zip(NAMES, models)):
        folder = out / 'runs' / name
        write_training(folder, dict(model=model, randomness=dict(seed=0), train_cfg=dict(max_epochs=2)), [
            *log_rows(range(5, 25, 5)), {'uav/AP': 0.1, 'step': 1}, {'uav/AP': 0.2, 'step': 2}])
        rows = [dict(image_id=row['image_id'], category_id=1, bbox=row['bbox'], score=0.9 - 0.01 * number)
                for row in truth['annotations'][2 * (2 - number) * (number > 0):]]
        rows += [dict(image_id=4, category_id=1, bbox=[50, 60, 20, 20], score=0.6)] * (number == 1)
        write_json(folder / 'test' / 'results_uav.json', rows)
        found = score(loaded, read_predictions(folder / 'test' / 'results_uav.json', loaded))
        write_metrics(folder / 'test' / 'uav_metrics.json', found)
    return out / 'runs'


@pytest.fixture(scope='module')
def runs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_runs(tmp_path_factory.mktemp('drones'))


def of_kind(section, kind: type) -> list:
    return [block for block in section.blocks if isinstance(block, kind)]


def figures_of(folder: Path, name: str) -> dict[str, float]:
    return json.loads((folder / name / 'test' / 'uav_metrics.json').read_text())['figures']


def test_results_are_those_of_the_files(runs_folder: Path) -> None:
    runs = gather([runs_folder])
    assert overview.section(runs) is None and runs.task == 'uav'
    section = uav_results.section(runs)
    assert section.lead.startswith('One teacher, one student without distillation and one student with distillation, '
                                   'scored on 16 pictures of four videos: ')
    assert f'Simulated (`{WORLD}`)' in section.lead
    known = {name: figures_of(runs_folder, name) for name in NAMES}
    cards = of_kind(section, Numbers)[0].items
    assert [card.value for card in cards] == [f'{known[name]["AP"]:.3f}' for name in NAMES]
    assert cards[2].note == f'{known["kd"]["AP"] - known["plain"]["AP"]:+.3f} against plain'
    averages, against, deployed = of_kind(section, Table)
    assert averages.apart == 1 and [row[0] for row in averages.rows] == list(NAMES)
    for table in (averages, deployed):
        for row, name in zip(table.rows, NAMES):
            for figure, value in zip(table.columns[1:], row[1:]):
                wanted = known[name][figure]
                assert value == pytest.approx(math.nan if wanted is None else wanted, nan_ok=True)
    assert against.rows[0][:2] == ['kd', f'{known["kd"]["AP"] - known["plain"]["AP"]:+.3f}']
    assert deployed.best[deployed.columns.index('FPPI_negatives')] == 'min'


def test_charts_show_the_figures(runs_folder: Path) -> None:
    charts = {chart.name: chart for chart in of_kind(uav_results.section(gather([runs_folder])), Chart)}
    assert set(charts) == {'AP by size', 'Recall by side of the target', 'Precision over recall'}
    trace = charts['Recall by side of the target'].figure['data'][1]
    known = figures_of(runs_folder, 'plain')
    finite = [known[name] for name in known if name.startswith('recall_') and known[name] is not None]
    assert trace['name'] == 'plain' and trace['y'] == pytest.approx(finite, abs=1e-5)
    assert all('(' in group for group in trace['x'])
    assert any(chart.name == 'AP' for block in curves.section(gather([runs_folder])).blocks
               for chart in getattr(block, 'charts', ()))


def test_worst_pictures_are_drawn(runs_folder: Path, tmp_path: Path) -> None:
    section = uav_pictures.section(gather([runs_folder / 'plain']))
    pictures = of_kind(section, Gallery)[0].pictures
    worst = json.loads((runs_folder / 'plain' / 'test' / 'uav_metrics.json').read_text())['worst']
    assert len(pictures) == 6 and worst[0]['file_name'] in pictures[0].caption
    assert all(cv2.imdecode(np.frombuffer(one.data, np.uint8), 1).std() > 1 for one in pictures)
    assert of_kind(section, Table)[0].rows[0][2] == worst[0]['missed']
    other = made_runs(tmp_path)
    (tmp_path / 'data' / worst[0]['file_name']).unlink()
    (told,) = of_kind(uav_pictures.section(gather([other / 'plain'])), Finding)
    assert 'no such picture' in told.text


def test_page_opens(runs_folder: Path, tmp_path: Path) -> None:
    written = write_report(gather([runs_folder]), tmp_path / 'report.html')
    assert {'Results', 'Worst pictures', 'Training'} <= set(written.sections)
    assert 'Recall by side of the target' in (tmp_path / 'report.html').read_text()


def test_damaged_and_unscored(runs_folder: Path, tmp_path: Path) -> None:
    """One line; a training without figures is a state."""
    folder = tmp_path / 'run'
    config = dict(model=dict(type='UAVDetector'), train_cfg=dict(max_epochs=2))
    write_training(folder, config, log_rows(range(5, 25, 5)))
    section = uav_results.section(gather([folder]))
    assert section.title == 'State' and of_kind(section, Table)[0].rows[0][0] == 'run'
    assert uav_pictures.section(gather([folder])) is None
    damaged = dict(figures={'AP': 'x'}, counts={}, rules={}, curve={}, worst=[], name='a')
    write_json(folder / 'uav_metrics.json', damaged)
    with pytest.raises(ValueError, match=r'uav_metrics\.json is damaged: no numbers among its figures'):
        gather([folder])
    write_json(folder / 'uav_metrics.json', {})
    with pytest.raises(ValueError, match=r'uav_metrics\.json is damaged: no figures, counts'):
        gather([folder])

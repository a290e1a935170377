"""Findings and frames on the tiny world: pictures say what the words say, and words what the devkit's rule says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.outcome import counted, judge
from perception_kd.visualization.report import drawn_frames
from perception_kd.visualization.report.blocks import Chart, Gallery
from perception_kd.visualization.report.examined import examine_run
from perception_kd.visualization.report.runs import DataPlace, RunSet
from perception_kd.visualization.report.sections import findings, frames, pictures
from perception_kd.visualization.sources import InfoFile, ResultFile
from perception_kd.visualization.view import View
from tests.evaluation.helpers import disturb, perfect_results, save
from tests.tiny_world import VERSION
from tests.visualization.report.sections.runsets import run_set

SPLIT = 'tiny_train'


@pytest.fixture(scope='module')
def runs(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> RunSet:
    folder, perfect = tmp_path_factory.mktemp('runs'), perfect_results(tiny_root, VERSION, SPLIT)
    results = {name: save(folder / f'{name}.json', disturb(perfect, seed))
               for seed, name in enumerate(('student', 'student_imkd'))}
    place = DataPlace(tiny_root, tiny_root / f'nuscenes_infos_{SPLIT}.pkl', VERSION, SPLIT)
    return run_set(folder, results, place)


def test_counts_of_a_frame_are_those_of_its_picture(runs: RunSet) -> None:
    place = runs.runs[0].data
    source = InfoFile(place.infos, place.root)
    everything = View(60, 60, 60)
    for run in runs.runs:
        examined, threshold = examine_run(run), 0.4
        counts = examined.matches.counts(threshold)
        for index, token in enumerate(examined.truth.tokens):
            frame = source.frame(token, lidar=False)
            boxes = ResultFile(run.results).boxes(token, frame.lidar2global)
            boxes = PictureOptions(score=threshold).predictions(boxes)
            outcome = judge(frame.truth.take(counted(frame.truth, frame, everything)),
                            boxes.take(counted(boxes, frame, everything)))
            assert (counts.hits[index], counts.misses[index], counts.false_alarms[index]) == (
                len(outcome.hits), len(outcome.misses), len(outcome.false_alarms))


def test_the_section_draws_and_describes_the_chosen_frames(runs: RunSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn_frames, 'WIDTH', 300)
    section = frames.section(runs)
    chart = next(one for one in section.blocks if isinstance(one, Chart))
    gallery = next(one for one in section.blocks if isinstance(one, Gallery))
    plain, main = (examine_run(run).matches.counts(frames.choose_cast(runs).threshold) for run in runs.runs)
    marks = {(x, y) for trace in chart.figure['data'][1:] for x, y in zip(trace['x'], trace['y'])}
    assert marks == {(round(x, 4), round(y, 4)) for x, y in zip(plain.f1, main.f1)}
    helped = int(np.argmax(main.f1 - plain.f1))
    assert gallery.pictures[0].caption.startswith(
        f'Where distillation helped most: `tiny-{helped // 3}`, key frame {helped % 3 + 1} of 3')
    objects = main.hits[helped] + main.misses[helped]
    assert (f'With distillation {main.hits[helped]} of {objects} objects found, without {plain.hits[helped]}; false '
            f'alarms {main.false_alarms[helped]} and {plain.false_alarms[helped]};') in gallery.pictures[0].caption
    letters = [letter for trace in chart.figure['data'][1:] for letter in trace['text'] if letter]
    assert sorted(letters) == [chr(97 + place) for place in range(len(gallery.pictures))] == sorted(
        row[0][0] for row in chart.table.rows)
    assert frames.can_draw(runs) and pictures.section(runs) is None


def test_sensor_files_that_are_elsewhere_cost_the_pictures_only(runs: RunSet, tiny_root: Path, tmp_path: Path) -> None:
    for name in (VERSION, runs.runs[0].data.infos.name):
        (tmp_path / name).symlink_to(tiny_root / name)
    place = replace(runs.runs[0].data, root=tmp_path, infos=tmp_path / runs.runs[0].data.infos.name)
    chart, told = frames.section(RunSet(tuple(replace(run, data=place) for run in runs.runs))).blocks
    assert isinstance(chart, Chart) and told.severity == 'notice' and 'samples' in told.text


def test_of_several_methods_the_best_is_looked_at(runs: RunSet) -> None:
    plain, main = runs.runs
    methods = [replace(main, title=f'{name} {seed}', method=name, seed=seed, metrics=dict(mAP=value))
               for name, seed, value in (('A', 0, 0.4), ('A', 1, 0.1), ('B', 0, 0.2), ('B', 1, 0.39))]
    cast = frames.choose_cast(RunSet((replace(plain, seed=1), *methods), 'plain student'))
    assert (cast.plain.title, cast.main.title, cast.teacher) == ('plain student', 'B 1', None)


def test_objects_won_and_lost_are_named(runs: RunSet) -> None:
    cast = frames.choose_cast(runs)
    truth, (plain, main) = cast.examined[-1].truth, cast.judged
    nothing = np.zeros(len(truth.boxes), bool)
    models = [SimpleNamespace(counts=one.counts, found=found) for one, found in ((plain, nothing), (main, ~nothing))]
    everything = frames.pair_caption(frames.Choice(0, 'hard'), truth, *models)
    assert everything.startswith('Where it is hardest for both')
    assert everything.endswith('Found only with it: 1 barrier, 1 car, 1 pedestrian, 1 truck.')


def test_a_jpeg_is_as_the_pixels_were(tmp_path: Path) -> None:
    pixels = np.full((40, 60, 3), 255, np.uint8)
    pixels[10:30, 20:40] = (200, 30, 30)
    (tmp_path / 'a.jpg').write_bytes(drawn_frames.jpeg(pixels))
    read = np.asarray(Image.open(tmp_path / 'a.jpg')).astype(int)
    assert np.abs(read - pixels).mean() < 2 and np.abs(read[20, 30] - (200, 30, 30)).max() < 5


def test_the_doctor_speaks_for_all_models(runs: RunSet, tiny_root: Path, tmp_path: Path) -> None:
    section = findings.section(runs)
    assert {one.severity for one in section.blocks} <= {'good', 'warning', 'error'}
    content = json.loads(runs.runs[0].results.read_text())
    (tmp_path / 'none.json').write_text(json.dumps(content | {'results': {key: [] for key in content['results']}}))
    (tmp_path / 'cut.json').write_text('{"results": ')
    broken = run_set(tmp_path, dict(student=tmp_path / 'none.json', student_imkd=tmp_path / 'cut.json'),
                     runs.runs[0].data)
    first, second = findings.section(broken).blocks
    assert first.severity == 'error' and 'plain student' in first.text and first.cure
    assert second.severity == 'notice' and 'student with IMKD could not be examined' in second.title
    assert 'cut.json' in second.text
    assert frames.section(broken) is None, 'its findings say why'


def test_without_result_files_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert findings.section(run_set(tmp_path)) is None and frames.section(run_set(tmp_path)) is None

"""Teachers are scored once, and on what the runs are scored on."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from perception_kd.comparison import place as place_module
from perception_kd.comparison import teachers as teachers_module
from perception_kd.comparison.teachers import FORMAT, check_same_split, score_teachers
from perception_kd.engine.build import load_config
from perception_kd.files import write_json

DEMO = Path(__file__).parents[2] / 'configs' / 'demo'
TEACHERS = dict(lidar=(DEMO / 'sim_teacher.py', Path('last.pth')))


def test_a_teacher_of_another_split_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place_module, '_stamp', lambda infos: ('v1.0-sim', Path(infos).stem[15:]))
    split = dict(test_split='sim_test')
    check_same_split(TEACHERS, split, load_config(DEMO / 'sim_student.py', split))
    with pytest.raises(ValueError, match=r'lidar: .*sim_teacher\.py is scored on .* sim_val, the runs on .* sim_test'):
        check_same_split(TEACHERS, {}, load_config(DEMO / 'sim_student.py', split))


def test_jobs_that_end_together_score_a_teacher_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scored = []

    def score(config: Path, checkpoint: Path, path: Path, folder: Path, key: dict, *more: object) -> None:
        scored.append(path.name)
        time.sleep(0.2)
        write_json(path, dict(format=FORMAT, key=key, metrics=dict(mAP=0.5)))

    monkeypatch.setattr(teachers_module, '_score', score)
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda job: score_teachers(TEACHERS, {}, tmp_path, tmp_path / 'work'), range(2)))
    assert scored == ['teacher-lidar.json'] and found[0] == found[1] and found[0]['lidar']['metrics']['mAP'] == 0.5

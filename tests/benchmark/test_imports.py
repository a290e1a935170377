"""Fresh processes are measured turn by turn, each for itself; what fails is named."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from perception_kd.benchmark import imports
from perception_kd.benchmark.imports import SIDES, TOOL, ImportReport, benchmark_imports, help_of, run_code


def test_time_and_memory_of_a_process_are_its_own():
    held = np.ones(40 << 17)  # of this process; the child's peak does not count it
    seconds, peak = run_code('quick', 'import time; time.sleep(0.2)')
    more = run_code('larger', 'block = bytearray(b"x") * (200 << 20)')[1]
    assert seconds > 0.2 and 180e6 < more - peak < 240e6 and peak < 60e6 and held.all()


def test_a_tool_leaves_by_itself_and_its_output_does_not_matter(tmp_path):
    tool = tmp_path / 'tool.py'
    tool.write_text('import sys\nif __name__ == "__main__":\n    print("VmHWM: none", sys.argv[1:])\n    sys.exit(0)\n')
    assert run_code('tool', help_of(str(tool)))[1] > 1e6
    tool.write_text('import sys\nsys.exit(3)\n')
    with pytest.raises(ChildProcessError, match=r'^broken tool: its process failed \(status 3\): it said nothing'):
        run_code('broken tool', help_of(str(tool)))


def test_what_fails_is_named():
    with pytest.raises(ChildProcessError, match=r'^torch: .* \(status 1\): ModuleNotFoundError: .*no_such_module'):
        benchmark_imports(runs=1, sides={'torch': 'import no_such_module'})


def test_sides_are_run_in_turn():
    report = benchmark_imports(runs=2, sides={'python': 'pass', 'torch': 'import json'})
    assert {side: len(runs) for side, runs in report.seconds.items()} == {'python': 2, 'torch': 2}
    assert report.to_json()['setting']['sides']['torch'] == 'import json'
    assert set(report.over) == {'torch over python'}


def test_every_side_is_told_and_held_against_what_it_contains():
    names = [*SIDES, f'{TOOL} --help']
    seconds = {name: [1.0 + place, 2.0 + place] for place, name in enumerate(names)}
    seconds['core'] = [2.25, 3.25]
    report = ImportReport(dict(runs=2), seconds, {name: [place << 20, place << 20] for place, name in enumerate(names)})
    found = report.to_json()
    assert found['over']['core over torch'] == {'seconds': dict(median=0.25, low=0.25, high=0.25),
                                                'bytes': dict(median=2**20, low=2**20, high=2**20)}
    assert found['over']['Distiller over mmengine.model']['seconds']['median'] == 1
    assert json.loads(json.dumps(found))['benchmark'] == 'imports'
    assert report.table().splitlines()[-1] == 'the core adds 0.25 s to torch; aim: under 0.5 s'
    assert all(name in report.table() for name in names)


def test_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(imports, 'SIDES', {'python': 'pass'})
    monkeypatch.setattr(imports, 'ROOT', tmp_path)
    (tmp_path / 'tools').mkdir()
    (tmp_path / TOOL).write_text('import json\n')
    main = runpy.run_path(str(Path(__file__).parents[2] / 'tools' / 'benchmark.py'))['main']
    out = tmp_path / 'imports.json'
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', 'imports', '--runs', '1', '--json', str(out)])
    assert main() == 0
    assert 'tools/train.py --help over python' in capsys.readouterr().out
    found = json.loads(out.read_text())
    assert list(found['seconds']) == ['python', 'tools/train.py --help'] and str(tmp_path) not in json.dumps(found)
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', 'imports', '--runs', '0'])
    with pytest.raises(ValueError, match='--runs'):
        main()

"""Both engines from the files on: random cases, one result file with all that is written, the metric, the tools."""

import json
import math

import numpy as np
import pytest

from perception_kd.benchmark import nds_check
from perception_kd.benchmark.nds import WorldSize, benchmark_nds
from perception_kd.benchmark.nds_check import check_cases
from perception_kd.evaluation import nuscenes_metric
from perception_kd.evaluation.commands import build_parser
from perception_kd.evaluation.fast import evaluate, matching
from perception_kd.evaluation.fast.evaluate import evaluate_fast
from perception_kd.evaluation.nuscenes_metric import NuScenesDetMetric
from perception_kd.evaluation.nuscenes_official import evaluate_devkit
from perception_kd.evaluation.report import format_summary
from tests.evaluation.helpers import disturb, perfect_results, save
from tests.evaluation.test_metric import INFOS, predictions, run
from tests.tiny_world import VERSION


def test_random_cases():
    found = check_cases(60, 5)
    assert found.disagreeing == [] and found.unequal == 0 and found.max_difference == 0
    assert found.values > 1e6 and found.nans > 500 and 0 < found.refused < 20
    assert 'cases that disagree: 0' in found.table() and found.to_json()['values'] == found.values


def test_the_check_sees_a_wrong_order_of_ties(monkeypatch):
    def first_first(predicted):
        order = np.lexsort((np.arange(len(predicted)), -predicted.score, predicted.label))
        return order, np.searchsorted(predicted.label[order], np.arange(11))

    monkeypatch.setattr(matching, '_ranking', first_first)
    found = check_cases(12, 0)
    assert found.disagreeing and found.max_difference > 0.01 and found.unequal > 0


def test_the_check_sees_an_engine_that_refuses_and_one_that_forgets(monkeypatch):
    def refuse(*args, **kwargs):
        raise ValueError

    monkeypatch.setattr(nds_check, 'score', refuse)
    assert len(check_cases(6, 0).disagreeing) >= 4
    monkeypatch.setattr(nds_check, 'score', lambda *args, **kwargs: ({}, {}))
    assert len(check_cases(6, 0).disagreeing) >= 4


def test_summary_and_files_are_the_devkits(tiny_root, tmp_path, capsys):
    path = save(tmp_path / 'r.json', disturb(perfect_results(tiny_root, VERSION, 'tiny_val')))
    found, texts = {}, {}
    for engine, run_engine in (('devkit', evaluate_devkit), ('fast', evaluate_fast)):
        summary = run_engine(path, tiny_root, VERSION, 'tiny_val', tmp_path / engine)
        assert summary['meta'].pop('engine') == engine and summary.pop('eval_time') >= 0
        found[engine] = json.dumps(summary)
        texts[engine] = (tmp_path / engine / 'metrics_details.json').read_text()
        assert json.loads((tmp_path / engine / 'metrics_summary.json').read_text())['meta']['engine'] == engine
    assert found['fast'] == found['devkit'] and texts['fast'] == texts['devkit']
    assert 0 < json.loads(found['fast'])['mean_ap'] < 1
    summary = evaluate_fast(path, tiny_root, VERSION, 'tiny_val', verbose=True)
    assert 'computed by the fast engine' in capsys.readouterr().out and 'fast engine' in format_summary(summary)


def test_bad_input(tiny_root, tmp_path):
    results = perfect_results(tiny_root, VERSION, 'tiny_val')
    path = save(tmp_path / 'r.json', results)
    for arguments, kind, message in (
            ((path, tiny_root, VERSION, 'val'), ValueError, 'it has tiny_train, tiny_val'),
            ((path, tiny_root, VERSION, 'tiny_train'), ValueError, '6 missing'),
            ((tmp_path / 'none.json', tiny_root, VERSION, 'tiny_val'), FileNotFoundError, 'result file'),
            ((path, tmp_path, VERSION, 'tiny_val'), FileNotFoundError, 'version')):
        with pytest.raises(kind, match=message):
            evaluate_fast(*arguments)
    with pytest.raises(ValueError, match='1 of 1 samples'):
        evaluate_fast(path, tiny_root, VERSION, 'tiny_val', sample_tokens=['nowhere'])
    first = next(iter(results['results']))
    below = [dict(row, detection_score=-0.5) for row in results['results'][first]]
    found = {token: below if token == first else [] for token in results['results']}
    save(path, {**results, 'results': found})
    for engine in (evaluate_devkit, evaluate_fast):
        with pytest.raises(ValueError, match='scores below 0'):
            engine(path, tiny_root, VERSION, 'tiny_val')


def test_the_metric_scores_from_memory(tiny_root, tmp_path, monkeypatch):
    samples = predictions(tiny_root, scale=1.2)
    official = run(NuScenesDetMetric(data_root=str(tiny_root), ann_file=INFOS), samples)
    reads = []
    load_truth = nuscenes_metric.load_truth
    monkeypatch.setattr(nuscenes_metric, 'load_truth', lambda *args: reads.append(args) or load_truth(*args))
    monkeypatch.setattr(nuscenes_metric, 'write_json', None)  # nothing is written
    metric = NuScenesDetMetric(data_root=str(tiny_root), ann_file=INFOS, engine='fast')
    for _ in range(2):
        fast = run(metric, samples)
        assert fast.keys() == official.keys()
        assert all(fast[key] == value or (math.isnan(fast[key]) and math.isnan(value))
                   for key, value in official.items())
        metric.results.clear()
    assert len(reads) == 1
    monkeypatch.undo()
    run(NuScenesDetMetric(data_root=str(tiny_root), ann_file=INFOS, engine='fast', jsonfile_prefix=str(tmp_path)),
        samples)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        'metrics_details.json', 'metrics_summary.json', 'results_nusc.json']
    with pytest.raises(ValueError, match="'devkit' or 'fast'"):
        NuScenesDetMetric(data_root=str(tiny_root), ann_file=INFOS, engine='quick')


def test_the_command_chooses_the_engine(tiny_root, tmp_path, capsys, monkeypatch):
    path = save(tmp_path / 'r.json', perfect_results(tiny_root, VERSION, 'tiny_val'))
    words = ['nuscenes', str(path), '--root', str(tiny_root), '--version', VERSION, '--split', 'tiny_val',
             '--no-doctor']
    args = build_parser('').parse_args([*words, '--engine', 'fast'])
    assert args.run(args) == 0 and 'computed by the fast engine' in capsys.readouterr().out
    monkeypatch.setattr(evaluate, 'evaluate_fast', None)  # not called
    args = build_parser('').parse_args(words)
    assert args.run(args) == 0 and 'fast engine' not in capsys.readouterr().out


def test_the_benchmark_compares_what_it_times():
    report = benchmark_nds(WorldSize(frames=3, boxes=60, truth=20))
    assert list(report.columns) == ['from memory', 'file to file']
    for column in report.columns.values():
        assert set(column.max_difference.values()) == {0.0}
        assert [len(runs) for runs in column.seconds.values()] == [1, 1] and column.ratio > 0
    assert report.to_json()['setting']['result_file_bytes'] > 10_000
    with pytest.raises(ValueError, match='from 1 to 500'):
        WorldSize(boxes=501)

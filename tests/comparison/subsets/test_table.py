"""The tables of subsets, beside hand-computed values."""

from scipy import stats

from perception_kd.comparison.subsets.table import subset_tables

NEAR, FAR = '0-20 m', '20+ m'


def run(name: str, seed: int, near: float, far: float | None) -> dict:
    distance = {NEAR: dict(boxes=40, classes=['car', 'bus'], AP=near), FAR: dict(boxes=9, AP=far)}
    return dict(name=name, seed=seed, subsets=dict(distance=distance))


RUNS = [run('none', 0, 0.30, 0.10), run('none', 1, 0.34, 0.12), run('kd', 0, 0.35, 0.10), run('kd', 1, 0.36, None)]


def cells(lines: list[str]) -> list[list[str]]:
    rows = [line for text in lines for line in text.splitlines() if line.startswith('|')]
    return [[cell.strip() for cell in row.strip('|').split('|')] for row in rows][2:]


def test_lead_values_and_differences_of_every_slice() -> None:
    teacher = dict(subsets=dict(distance={NEAR: dict(boxes=40, AP=0.45), FAR: dict(boxes=9, AP=0.15)}))
    lines = subset_tables(RUNS, ['none', 'kd'], ['distance'], dict(lidar=teacher))
    low, high = stats.ttest_rel([0.35, 0.36], [0.30, 0.34]).confidence_interval(0.95)
    assert cells(lines) == [
        [NEAR, '40', '2', 'teacher lidar', '0.450', 'leads by +13.0 points'],
        ['', '', '', 'none', '0.320 ± 0.028', ''],
        ['', '', '', 'kd', '0.355 ± 0.007', f'+0.035 [{low:+.3f}, {high:+.3f}], 2 of 2 up'],
        [FAR, '9', '-', 'teacher lidar', '0.150', 'leads by +4.0 points: no gain to expect'],
        ['', '', '', 'none', '0.110 ± 0.014', ''],
        ['', '', '', 'kd', '0.100', '+0.000']]
    assert '### By distance' in lines and not any('Not scored' in line for line in lines)


def test_what_is_missing_is_said() -> None:
    text = '\n'.join(subset_tables([*RUNS, dict(name='kd', seed=2)], ['none', 'kd'], ['distance'], {}))
    assert 'Not scored on these subsets: kd-seed2. Their result files are not in the work folder; put' in text
    assert 'No teacher was scored (--score-teacher)' in text
    other = dict(subsets=dict(distance={NEAR: dict(boxes=41, AP=0.9)}))
    assert cells(subset_tables(RUNS, ['none'], ['distance'], dict(lidar=other)))[0][-1] == 'scored on other boxes'

"""Both engines on random cases, from the files on: every value of summary and details."""

from __future__ import annotations

import io
import tempfile
import time
import warnings
from contextlib import redirect_stderr
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.benchmark.nds_answers import split_answer
from perception_kd.benchmark.nds_cases import RESULTS, SPLIT, Case, CaseMaker
from perception_kd.benchmark.nds_tables import VERSION
from perception_kd.benchmark.timing import machine, versions
from perception_kd.evaluation.fast.evaluate import score
from perception_kd.evaluation.fast.predictions import load_results
from perception_kd.evaluation.fast.settings import OfficialSettings
from perception_kd.evaluation.fast.truth import load_truth
from perception_kd.evaluation.frames import key_frames, version_tokens
from perception_kd.evaluation.nuscenes_official import devkit_evaluation, score_official
from perception_kd.evaluation.submission import read_results

Answer = tuple[dict[str, Any], dict[str, Any]] | str
"""Summary and details, or ``refused``."""


@dataclass
class Check:
    """What a comparison has found.

    Args:
        cases, seed: How many cases, drawn from which seed.
        refused: Cases that both engines refuse with an error.
        values: Numbers compared.
        nans: How many of them are NaN, on both sides.
        unequal: Numbers that are not equal to the last bit.
        max_difference: The largest difference.
        disagreeing: Cases with a difference above 1e-12, another NaN, other keys or words, or refused by one engine.
        seconds: Of each engine, all cases together, reading included.
    """

    cases: int
    seed: int
    refused: int = 0
    values: int = 0
    nans: int = 0
    unequal: int = 0
    max_difference: float = 0.0
    disagreeing: list[int] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: dict(devkit=0.0, fast=0.0))
    benchmark: str = 'nds --check'

    def table(self) -> str:
        """In words."""
        return (f'{self.cases} random cases (seed {self.seed}), {self.refused} refused by both engines; {self.values} '
                f'values compared, {self.nans} of them NaN on both sides\n'
                f'unequal to the last bit: {self.unequal}, largest difference: {self.max_difference:.1e}, cases that '
                f'disagree: {len(self.disagreeing)} {self.disagreeing[:5] or ""}\n'
                f'seconds: devkit {self.seconds["devkit"]:.1f}, fast {self.seconds["fast"]:.1f}')

    def to_json(self) -> dict[str, Any]:
        """Everything, with machine and versions."""
        return dict(asdict(self), machine=machine(), versions=versions())


def check_cases(cases: int, seed: int) -> Check:
    """Evaluate random cases by both engines.

    Args:
        cases: How many.
        seed: Of the cases.
    """
    check = Check(cases, seed)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), redirect_stderr(io.StringIO()):
        warnings.simplefilter('ignore', RuntimeWarning)  # means of nothing, in both engines
        maker = CaseMaker(Path(folder), seed)
        for number in range(cases):
            case = maker.write(number)
            official = _timed(check, 'devkit', maker.folder, case)
            _compare(check, number, official, _timed(check, 'fast', maker.folder, case))
    return check


def _timed(check: Check, engine: str, root: Path, case: Case) -> Answer:
    start = time.perf_counter()
    try:
        tokens = key_frames(root, VERSION, SPLIT, case.sample_tokens)
        return (_by_devkit if engine == 'devkit' else _by_fast)(root, case, tokens)
    except ValueError:
        return 'refused'
    finally:
        check.seconds[engine] += time.perf_counter() - start


def _by_devkit(root: Path, case: Case, tokens: list[str]) -> Answer:
    from nuscenes import NuScenes
    from nuscenes.eval.detection.data_classes import DetectionConfig

    nusc = NuScenes(VERSION, str(root), verbose=False)
    content = read_results(root / RESULTS, tokens, [row['token'] for row in nusc.sample])
    cfg = DetectionConfig.deserialize(case.settings)
    return score_official(devkit_evaluation(nusc, content, tokens, root / RESULTS, cfg=cfg))


def _by_fast(root: Path, case: Case, tokens: list[str]) -> Answer:
    truth = load_truth(root, VERSION, tokens)
    _, predictions = load_results(root / RESULTS, truth, version_tokens(root, VERSION))
    return score(truth, predictions, settings=OfficialSettings(**case.settings))


def _compare(check: Check, number: int, official: Answer, ours: Answer) -> None:
    if 'refused' in (official, ours):
        check.refused += official == ours
        if official != ours:
            check.disagreeing.append(number)
        return
    (words, theirs), (our_words, mine) = split_answer(official), split_answer(ours)
    good = words == our_words and len(theirs) == len(mine)
    if good:
        check.values += len(theirs)
        check.nans += int((np.isnan(theirs) & np.isnan(mine)).sum())
        equal = (theirs == mine) | (np.isnan(theirs) & np.isnan(mine))
        difference = np.abs(theirs - mine)[~equal]  # NaN where one side is
        check.unequal += len(difference)
        check.max_difference = max([check.max_difference, *difference.tolist()])
        good = bool((difference <= 1e-12).all())
    if not good:
        check.disagreeing.append(number)

"""From a config, weights and pairs to disparity, depth and point clouds on disk; what ``tools/infer.py`` calls."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from numpy.typing import NDArray

from perception_kd.benchmark.stage_clock import REST, StageClock
from perception_kd.datasets.pictures import read_image
from perception_kd.datasets.stereo.calibration import StereoCalibration
from perception_kd.files import check_folder_target, naming_full_disk, write_json
from perception_kd.inference.rates import Rates, show_progress
from perception_kd.inference.stereo.checks import measure, warnings_of
from perception_kd.inference.stereo.outputs import FORMATS, Matched, file_of, formats_of, write_outputs
from perception_kd.inference.stereo.pairs import Pair
from perception_kd.inference.stereo.predictor import MatchSettings, StereoPredictor, load_matcher
from perception_kd.inference.stereo.rig import depth_of, rig_of_size
from perception_kd.stages import stage

PAIRS_FILE, TIMING_FILE = 'pairs.json', 'timing.json'
RigOf = Callable[[Pair], StereoCalibration | None]


@dataclass(frozen=True)
class Wanted:
    """What is written, and what is looked at.

    Args:
        kinds: As ``--format`` has them, None: see ``formats_of``.
        far: m, where point clouds end.
        colours: Disparities of the first and last colour, px.
        check: Whether to look for swapped and unrectified pictures.

    Raises:
        ValueError: numbers out of range.
    """

    kinds: str | None = None
    far: float | None = None
    colours: tuple[float, float] | None = None
    check: bool = True

    def __post_init__(self) -> None:
        if self.far is not None and not self.far > 0:
            raise ValueError(f'--far is a distance above 0 m, got {self.far:g}')
        if self.colours is not None and not self.colours[0] < self.colours[1]:
            raise ValueError(f'--colours takes two rising numbers of px, got {self.colours[0]:g} {self.colours[1]:g}')


@dataclass
class StereoReport:
    """What was made.

    Attributes:
        rates: Seconds by stage.
        pairs: One entry a pair, as ``pairs.json`` has them: pictures, cameras, disparity, measurements, warnings,
            files.
        warnings: How often each kind came.
    """

    rates: Rates = field(default_factory=Rates)
    pairs: list[dict[str, Any]] = field(default_factory=list)
    warnings: Counter[str] = field(default_factory=Counter)


def infer_stereo(cfg: Config, weights: str | Path, pairs: Sequence[Pair], out: str | Path, *, rig_of: RigOf,
                 settings: MatchSettings | None = None, wanted: Wanted | None = None, device: str = 'cpu',
                 echo: Callable[[str], None] = print) -> StereoReport:
    """Match pairs one by one.

    Args:
        cfg: Of a ``StereoMatcher``, or of a distiller with such a student.
        weights: Checkpoint of either, or an ONNX file.
        pairs: One or more.
        out: Folder for a folder of each kind, ``pairs.json`` and ``timing.json``.
        rig_of: Gives the cameras of a pair, None where they are not known.
        settings: How to match.
        wanted: What to write.
        device: ``cpu`` or ``cuda``.
        echo: Where warnings go.

    Raises:
        FileNotFoundError, ValueError: what is wrong with which file, in one line.
    """
    out, settings, wanted = Path(out), settings or MatchSettings(), wanted or Wanted()
    check_folder_target(out)
    rigs = [rig_of(pair) for pair in pairs]
    kinds = formats_of(wanted.kinds, all(rig is not None for rig in rigs))
    _spare_inputs(out, kinds, pairs)
    predictor = StereoPredictor(load_matcher(cfg, weights, device), settings)
    if predictor.beyond_training:
        echo(f'warning: looks for {predictor.max_disp} px, trained for {predictor.model.max_disp}: expect wild matches '
             'or give a smaller --scale')
    clock, report = StageClock(device), StereoReport()

    def one(pair: Pair, rig: StereoCalibration | None) -> None:
        entry, found = _matched(pair, rig, predictor, wanted, lambda found: _warn(report, pair, found, echo))
        if not report.pairs:  # only now it is sure that there is something new
            _remove_earlier(out)
            _note(out, predictor, [dict(name=pair.name) for pair in pairs])
        with stage('write'):
            files = write_outputs(out, found, kinds)
        report.pairs.append({**entry, 'files': [str(file.relative_to(out)) for file in files]})

    with naming_full_disk(out):
        for pair, rig in zip(show_progress(pairs, 'matching', len(pairs)), rigs):
            report.rates.add(_counted(clock.measure(lambda pair=pair, rig=rig: one(pair, rig))))
        _note(out, predictor, report.pairs)
        write_json(out / TIMING_FILE, report.rates.to_json())
    for kind, count in report.warnings.items():
        if count > 1:
            echo(f'warning: {kind}: {count} of {len(pairs)} pairs, see {out / PAIRS_FILE}')
    return report


def _matched(pair: Pair, rig: StereoCalibration | None, predictor: StereoPredictor, wanted: Wanted,
             warn: Callable[[dict[str, str]], None]) -> tuple[dict[str, Any], Matched]:
    """Read, check and match a pair: what ``pairs.json`` says of it, and what is to be written."""
    entry: dict[str, Any] = dict(name=pair.name, left=str(pair.left), right=str(pair.right))
    with stage('load'):
        left, right = read_image(pair.left), read_image(pair.right)
    height, width = left.shape[:2]
    if right.shape != left.shape:
        raise ValueError(f'{pair.left} is {width}x{height}, {pair.right} {right.shape[1]}x{right.shape[0]}; a '
                         'rectified pair has one size')
    rig = rig and rig_of_size(rig, width, height)
    searched = predictor.searched(height, width)
    if wanted.check:
        with stage('check'):
            measured = measure(left, right)
        entry |= dict(measured=measured.to_json(), warnings=dict(warnings_of(measured, searched)))
        warn(entry['warnings'])
    disparity = predictor(left, right)
    entry |= dict(size=[width, height], rig=rig and asdict(rig), disparity=_reach(disparity),
                  searched=searched)
    if rig:
        entry['depth'] = _reach(depth_of(disparity, rig))
    return entry, Matched(pair.name, left, disparity, rig, wanted.far, wanted.colours)


def _reach(values: NDArray[np.float32]) -> dict[str, float] | None:
    """Least, median and largest of what is finite; None of nothing."""
    known = values[np.isfinite(values)]
    if not known.size:
        return None
    return dict(zip(('least', 'median', 'largest'), np.percentile(known, (0, 50, 100)).round(3).tolist()))


def _counted(seconds: dict[str, float]) -> dict[str, float]:
    """The total is what a robot would wait for; checking and writing stand after it."""
    extras = {name: seconds[name] for name in ('check', 'write') if name in seconds}
    stages = {name: value for name, value in seconds.items() if name not in (REST, 'total', *extras)}
    return {**stages, REST: seconds[REST], 'total': seconds['total'] - sum(extras.values()), **extras}


def _warn(report: StereoReport, pair: Pair, found: dict[str, str], echo: Callable[[str], None]) -> None:
    """Each kind of trouble is told at the first pair that has it."""
    for kind, line in found.items():
        if not report.warnings[kind]:
            echo(f'warning: {pair.name}: {line}')
        report.warnings[kind] += 1


def _note(out: Path, predictor: StereoPredictor, pairs: list[dict[str, Any]]) -> None:
    write_json(out / PAIRS_FILE, dict(settings=asdict(predictor.settings), pairs=pairs))


def _spare_inputs(out: Path, kinds: Sequence[str], pairs: Sequence[Pair]) -> None:
    """See that no picture that is read is a file that will be written."""
    read = {picture.resolve() for pair in pairs for picture in (pair.left, pair.right)}
    for path in (file_of(out, kind, pair.name) for pair in pairs for kind in kinds):
        if path.resolve() in read:
            raise ValueError(f'{path} is an input, and a result would replace it; give another --out')


def _remove_earlier(out: Path) -> None:
    """Remove what a run on other pairs left, so that all in the folder is of one run."""
    with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        earlier = json.loads((out / PAIRS_FILE).read_text())['pairs']
        for path in (file_of(out, kind, str(pair['name'])) for pair in earlier for kind in FORMATS):
            if out.resolve() in path.resolve().parents:
                path.unlink(missing_ok=True)
    (out / TIMING_FILE).unlink(missing_ok=True)

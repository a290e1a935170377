"""From a config, weights and recordings to predictions on disk; what ``tools/infer.py`` calls."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from perception_kd.benchmark.stage_clock import StageClock
from perception_kd.evaluation.nuscenes_metric import RESULT_FILE, rows_of_sample
from perception_kd.evaluation.submission import DEFAULT_MODALITY
from perception_kd.files import check_folder_target, naming_full_disk, require_folder, write_json
from perception_kd.inference.calibration import CALIBRATION_FILE
from perception_kd.inference.dataset import InferenceDataset, build_dataset, frames_back, note_on_sweeps
from perception_kd.inference.folder import samples_of_folder
from perception_kd.inference.pictures import RECORDING, Shown, film_file, remove_pictures, show
from perception_kd.inference.predictor import Predictor, load_predictor
from perception_kd.inference.rates import Rates, show_progress
from perception_kd.inference.root import samples_of_root, versions_of
from perception_kd.inference.samples import Samples
from perception_kd.stages import stage

STAGES = ('load', 'model', 'rows')
TIMING_FILE = 'timing.json'
_PREPARED = '.prepared-'


@dataclass(frozen=True)
class InferenceReport:
    """What was made.

    Attributes:
        results: The result file.
        frames, boxes: How many of each it holds.
        pictures: The pictures in order; empty without any.
        film, recording: None without one.
        rates: Seconds by stage.
    """

    results: Path
    frames: int
    boxes: int
    pictures: list[Path]
    film: Path | None
    recording: Path | None
    rates: Rates


def infer(cfg: Config, weights: str | Path, source: str | Path, out: str | Path, *, samples: Sequence[str] = (),
          version: str | None = None, device: str = 'cpu', shown: Shown | None = None,
          echo: Callable[[str], None] = print) -> InferenceReport:
    """Predict recordings with the test pipeline of a config.

    Args:
        cfg: Of a distiller, whose student is used, or of any detector tested on ``NuScenesRadarDataset``.
        weights: See ``load_predictor``.
        source: A nuScenes-format root, or a folder with ``calib.yaml``.
        out: Folder for ``results_nusc.json``, ``timing.json``, pictures, film and recording.
        samples: Which ones, see ``samples_of_root`` and ``samples_of_folder``; none: all.
        version: Of a root that holds several.
        device: ``cpu`` or ``cuda``.
        shown: What to draw; None: pictures and a film.
        echo: Where report lines go.

    Raises:
        FileNotFoundError, ValueError: what is wrong with which file, in one line.
    """
    out, shown = Path(out), shown or Shown()
    check_folder_target(out)
    with naming_full_disk(out), _prepared(out) as prepared:
        chosen = open_samples(source, prepared, samples=samples, version=version, back=frames_back(cfg), echo=echo)
        dataset = build_dataset(cfg, chosen)
        if note := note_on_sweeps(cfg, chosen):
            echo(note)
        shown, rates = shown.of_model(dataset.metainfo['classes']), Rates()
        results = predict(dataset, load_predictor(cfg, weights, device), chosen, rates, device)
        _remove_earlier(out)
        path = _write(cfg, chosen, results, out)
        pictures = _draw(chosen, results, out, shown, rates)
    write_json(out / TIMING_FILE, rates.to_json())
    film = film_file(out, shown) if len(pictures) > 1 else None
    return InferenceReport(path, len(results), sum(map(len, results.values())), pictures, film,
                           out / RECORDING if shown.record else None, rates)


@contextmanager
def _prepared(out: Path) -> Iterator[Path]:
    """A folder in ``out`` for what is needed meanwhile; nothing is left of ``out`` if nothing was put there."""
    out.mkdir(parents=True, exist_ok=True)
    for left_over in out.glob(f'{_PREPARED}*'):  # of a run that was killed
        shutil.rmtree(left_over, ignore_errors=True)
    try:
        with tempfile.TemporaryDirectory(prefix=_PREPARED, dir=out) as folder:
            yield Path(folder)
    finally:
        with suppress(OSError):
            out.rmdir()


def open_samples(source: str | Path, prepared: Path, *, samples: Sequence[str] = (), version: str | None = None,
                 back: int = 0, echo: Callable[[str], None] = print) -> Samples:
    """What there is to predict in a folder of either kind; arguments as of the functions for each.

    Raises:
        FileNotFoundError, NotADirectoryError: no such folder, or it is of neither kind.
        ValueError: of either function.
    """
    source = require_folder(source, 'input')
    if (source / CALIBRATION_FILE).exists():
        if version is not None:
            raise ValueError(f'--version is for nuScenes-format roots, {source} holds {CALIBRATION_FILE}')
        return samples_of_folder(source, prepared=prepared, chosen=samples, back=back, echo=echo)
    if versions_of(source):
        return samples_of_root(source, version=version, chosen=samples, echo=echo)
    raise FileNotFoundError(f'{source} holds neither {CALIBRATION_FILE} nor the tables of a nuScenes-format root '
                            '(VERSION/scene.json); docs/inference.md describes both')


def predict(dataset: InferenceDataset, predictor: Predictor, samples: Samples, rates: Rates,
            device: str = 'cpu') -> dict[str, list[dict]]:
    """Rows of the result file by token; the seconds of each frame go into ``rates``."""
    clock, results = StageClock(device, STAGES), {}
    classes = dataset.metainfo['classes']

    def one(number: int) -> None:
        info = samples.frames[number]
        with stage('load'):
            sample = dataset[number]
        with stage('model'):
            found = predictor(sample)
        with stage('rows'):
            results[info['token']] = rows_of_sample(
                found.to_dict(), token=info['token'], classes=classes, lidar2ego=info['lidar_points']['lidar2ego'],
                ego2global=samples.world(info))

    for number in show_progress(range(len(dataset)), 'predicting', len(dataset)):
        seconds = clock.measure(lambda number=number: one(number))
        rates.add({name: seconds[name] for name in (*STAGES, 'total')})
    return results


def _remove_earlier(out: Path) -> None:
    """Remove what a run on other samples left, so that all in the folder is of one run."""
    if (out / RESULT_FILE).is_file():
        remove_pictures(out)
        for path in (out / RESULT_FILE, out / TIMING_FILE):
            path.unlink(missing_ok=True)


def _write(cfg: Config, samples: Samples, results: dict[str, list[dict]], out: Path) -> Path:
    """The result file: boxes in the global frame as nuScenes has them, or in the frame that it names."""
    modality = dict((cfg.get('test_evaluator') or {}).get('modality') or DEFAULT_MODALITY)
    frame = {'frame': samples.frame} if samples.frame else {}
    path = out / RESULT_FILE
    write_json(path, {'meta': modality, **frame, 'results': results}, indent=None)
    return path


def _draw(samples: Samples, results: dict[str, list[dict]], out: Path, shown: Shown, rates: Rates) -> list[Path]:
    if not (shown.pictures or shown.record):
        return []
    pictures, begin = [], time.perf_counter()
    for made in show_progress(show(samples, results, out, shown), 'drawing', len(samples.chosen)):
        pictures += made
        end = time.perf_counter()
        rates.add({'pictures': end - begin})
        begin = end
    return pictures

"""The stages that a demo ends with: films, maps, a view in space, latency, bias, and the report that shows them all.

All are optional: a machine that lacks a system library gets a line about it, and a report without them; where even the
report cannot be made, the demo says so and still prints its table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.dist import is_main_process

from perception_kd.engine.recipe import Recipe, Stage
from perception_kd.engine.stages import RESULTS, ROOT, Run, tool

REPORT = 'report.html'
BESIDE = ('pictures', 'maps', 'latency.json', 'bias', 'robustness')
FILM_WIDTH = 1000
LATENCY_RUNS = 10


@dataclass(frozen=True)
class Shown:
    """What a demo's end is about.

    Args:
        out: Folder of the demo.
        data, version, split: Its data.
        teacher, student, distilled: Its models; the last one learned from the first.
        scene: Position among the scenes of the split, for the film; None: no film.
        sample: Position among its key frames, for maps and the view in space.
    """

    out: Path
    data: Path
    version: str
    split: str
    teacher: Run
    student: Run
    distilled: Run
    scene: int | None = None
    sample: int = 0

    @property
    def infos(self) -> Path:
        """Info file of the split."""
        return self.data / f'nuscenes_infos_{self.split}.pkl'

    @property
    def runs(self) -> tuple[Run, Run, Run]:
        """Teacher, student, distilled student."""
        return self.teacher, self.student, self.distilled

    def results(self, run: Run) -> Path:
        """Predictions of a model."""
        return self.out / run.name / RESULTS


def closing_stages(shown: Shown, models: Sequence[Run], title: str) -> list[Stage]:
    """All of them, the report last.

    Args:
        shown: What they show.
        models: Those of the report; the first named first.
        title: Of the report.
    """
    film = [] if shown.scene is None else [film_stage(shown)]
    parts = [*film, maps_stage(shown), view3d_stage(shown), latency_stage(shown), bias_stage(shown)]
    return [*parts, report_stage(shown, models, title, parts)]


def film_stage(shown: Shown) -> Stage:
    """A scene as teacher and students see it, as MP4."""
    film = shown.out / 'pictures' / 'film.mp4'
    flags = zip(('--teacher', '--student', '--student-kd'), shown.runs)
    results = [item for flag, run in flags for item in (flag, shown.results(run))]
    draw = tool('visualize', 'video', '--infos', shown.infos, '--root', shown.data, '--scene', shown.scene, *results,
                '--max-width', FILM_WIDTH, '--out', film, quiet=True)
    return Stage('film', 'film a scene', draw, inputs=[shown.scene, FILM_WIDTH], after=_scored(*shown.runs),
                 outputs=(film,), optional=True)


def maps_stage(shown: Shown) -> Stage:
    """What distillation compared, on the ground."""
    folder = shown.out / 'maps'
    draw = tool('visualize', 'maps', ROOT / shown.distilled.config, shown.distilled.weights(shown.out), '--sample',
                shown.sample, '--out', folder, '--cfg-options', f'data_root={shown.data}',
                *(f'model.teachers.{teacher}.checkpoint={shown.out / name / "last.pth"}'
                  for teacher, name in shown.distilled.teachers), quiet=True)
    return Stage('maps', 'draw what distillation compares', draw, inputs=shown.sample, after=_scored(shown.distilled),
                 outputs=(folder / 'maps.json',), optional=True)


def view3d_stage(shown: Shown) -> Stage:
    """A sample in space."""
    picture = shown.out / 'pictures' / 'view3d.png'
    draw = tool('visualize', 'view3d', '--infos', shown.infos, '--root', shown.data, '--sample', shown.sample,
                '--results', shown.results(shown.distilled), '--out', picture, quiet=True)
    return Stage('view3d', 'draw a sample in space', draw, inputs=shown.sample, after=_scored(shown.distilled),
                 outputs=(picture,), optional=True)


def latency_stage(shown: Shown) -> Stage:
    """Where the student's time goes; the distilled one is the same network."""
    file = shown.out / 'latency.json'
    measure = tool('benchmark', 'latency', ROOT / shown.student.config, shown.student.weights(shown.out), '--runs',
                   LATENCY_RUNS, '--json', file, quiet=True)
    return Stage('latency', 'time the student', measure, inputs=LATENCY_RUNS, after=_scored(shown.student),
                 outputs=(file,), optional=True)


def bias_stage(shown: Shown) -> Stage:
    """Does the student inherit its teacher's weaknesses."""
    folder = shown.out / 'bias'
    flags = zip(('--teacher', '--student', '--distilled'), shown.runs)
    compare = tool('evaluate', 'bias', *(item for flag, run in flags for item in (flag, shown.results(run))),
                   '--root', shown.data, '--version', shown.version, '--split', shown.split, '--out', folder,
                   quiet=True)
    return Stage('bias', 'compare the models slice by slice', compare, after=_scored(*shown.runs),
                 outputs=(folder / 'bias.json',), optional=True)


def report_stage(shown: Shown, models: Sequence[Run], title: str, parts: Sequence[Stage]) -> Stage:
    """One page on all of it."""
    return Stage('report', 'write the report', report(shown.out, models, title), inputs=title,
                 after=(*_scored(*models), *(part.name for part in parts)), outputs=(shown.out / REPORT,),
                 optional=True)


def report(out: Path, models: Sequence[Run], title: str) -> Callable[[], None]:
    """Work of a stage: the report on models that are trained and scored under ``out``, and on what lies beside them.

    Only the first process of a job does it.
    """
    def write() -> None:
        beside = [out / name for name in BESIDE if (out / name).is_file() or any((out / name).glob('*'))]
        runs = [f'{run.title}={out / run.name}' for run in models]
        if is_main_process():
            tool('visualize', 'report', *runs, *beside, '--title', title, '--out', out / REPORT, quiet=True)()
    return write


def report_line(recipe: Recipe) -> str:
    """For the end of a recipe that has run: where its report is, or that there is none; one of an earlier run is not
    this run's."""
    made = 'report' in recipe.state
    return (f'report    {recipe.out / REPORT}  (one file, opens in any browser)' if made else
            'report    none was made; the lines of its stage above say why')


def _scored(*runs: Run) -> tuple[str, ...]:
    return tuple(f'score_{run.name}' for run in runs)

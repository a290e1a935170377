"""Pictures of validation samples in the log of a training, at intervals."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook, IterTimerHook
from mmengine.runner import Runner

from perception_kd.distill.teacher_cache import CachedTeacher
from perception_kd.engine.hooks.progress import unwrapped
from perception_kd.engine.undisturbed import averaged_weights, undisturbed
from perception_kd.registry import HOOKS

if TYPE_CHECKING:
    from perception_kd.visualization.frame import Frame
    from perception_kd.visualization.sheet import Sheet


@HOOKS.register_module()
class VisualizeHook(Hook):
    """Draws fixed samples of the validation set with the model's predictions into the run's log, as training goes on.

    ``scene.<place>`` is the picture of ``tools/visualize.py scene``, predicted with the weights that validation would
    see (the moving average, where there is one). Of a distiller, ``maps.<place>`` shows for the first sample what its
    pairs compare. Training goes on bit for bit as without. One process draws; in all of them the pairs look at the
    sample, since sums over processes are made there.

    Args:
        interval: Epochs, or iterations, between two times; the end of training is always one.
        by_epoch: Which of the two.
        samples: Places in the validation set, negative from its end.
        maps: Whether to draw maps of distillers.
        max_width: No picture is wider, pixels.
        look: Fields of ``PictureOptions``: ``score=0.3``, ``class_scores``, ``classes``, ``palette``, ...

    Raises:
        ValueError: no interval or sample, a look that does not exist, or, before training, no validation set or no such
            sample in it.
    """

    priority = 'LOW'  # after the moving average, before the checkpoint

    def __init__(self, *, interval: int = 1, by_epoch: bool = True, samples: Sequence[int] = (0,), maps: bool = True,
                 max_width: int = 1280, look: Mapping[str, Any] | None = None) -> None:
        if interval < 1 or not samples:
            raise ValueError(f'VisualizeHook: interval must be at least 1 and samples name one, got {interval} and '
                             f'{list(samples)}')
        from perception_kd.visualization.options import PictureOptions

        try:
            self.options = PictureOptions(**(look or {}))
        except TypeError as error:
            raise ValueError(f'VisualizeHook: look: {str(error).split(") ")[-1]}') from None
        self.interval, self.by_epoch, self.samples = interval, by_epoch, tuple(samples)
        self.maps, self.max_width = maps, max_width
        self._frames: dict[int, Frame] = {}
        self._map_sample: Any = None

    def before_train(self, runner: Runner) -> None:
        """Read the samples."""
        if runner.val_loop is None:
            raise ValueError('VisualizeHook draws samples of the validation set, and the config has no val_dataloader')
        with undisturbed(unwrapped(runner)):
            dataset = runner.val_dataloader.dataset
            bad = [place for place in self.samples if not -len(dataset) <= place < len(dataset)]
            if bad:
                raise ValueError(f'VisualizeHook: no sample {bad[0]} in the validation set of {len(dataset)}')
            if is_main_process():
                self._frames = _read_frames(dataset, self.samples)
            self._map_sample = self._sample_of_maps(runner) if self.maps else None

    def after_train_epoch(self, runner: Runner) -> None:
        """Draw after every ``interval`` epochs."""
        if self.by_epoch and (self.every_n_epochs(runner, self.interval) or self.is_last_train_epoch(runner)):
            self._draw(runner, runner.iter)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                         outputs: dict | None = None) -> None:
        """Draw after every ``interval`` iterations."""
        if not self.by_epoch and (self.every_n_train_iters(runner, self.interval) or self.is_last_train_iter(runner)):
            self._draw(runner, runner.iter + 1)

    def _draw(self, runner: Runner, step: int) -> None:
        begin = time.time()
        if self._map_sample is not None:
            with undisturbed(unwrapped(runner)):
                self._draw_maps(runner, step)
        if is_main_process():
            with averaged_weights(runner), undisturbed(unwrapped(runner)):
                for place in self.samples:
                    self._log(runner, f'scene.{place}', step, lambda place=place: self._scene(runner, place, step))
        for hook in runner.hooks:
            if isinstance(hook, IterTimerHook):  # drawing is no waiting for data
                hook.t = getattr(hook, 't', begin) + time.time() - begin

    def _scene(self, runner: Runner, place: int, step: int) -> Sheet:
        from perception_kd.visualization.scene import draw_scene
        from perception_kd.visualization.training import predicted_boxes

        loader, frame = runner.val_dataloader, self._frames[place]
        data = loader.collate_fn([loader.dataset[place % len(loader.dataset)]])
        boxes = predicted_boxes(unwrapped(runner), data, frame, loader.dataset.dataset.metainfo['classes'])
        return draw_scene(frame, boxes, self.options, note=f'iteration {step}   ·   {frame.time_text}')

    def _draw_maps(self, runner: Runner, step: int) -> None:
        from perception_kd.visualization.maps.observe import observe
        from perception_kd.visualization.training import draw_pairs

        model, sample = unwrapped(runner), self._map_sample
        seen = observe(model, sample.data)
        if is_main_process() and seen.pairs:
            note = f'{sample.frame.scene}   ·   iteration {step}'
            self._log(runner, f'maps.{self.samples[0]}', step, lambda: draw_pairs(seen, model, sample, note))

    def _log(self, runner: Runner, name: str, step: int, draw: Callable[[], Sheet]) -> None:
        """A picture that cannot be drawn or written is a line in the log, and no reason to stop a training."""
        try:
            runner.visualizer.add_image(name, draw().pixels(max_width=self.max_width), step)
        except (OSError, ValueError) as error:
            runner.logger.warning(f'picture {name} of iteration {step} is left out: {error}')

    def _sample_of_maps(self, runner: Runner) -> Any:
        """The first sample as the teachers need it; None, and a line in the log, where there are no maps."""
        from perception_kd.visualization.maps.samples import SampleSource

        model = unwrapped(runner)
        if not getattr(model, 'pairs', None):
            return None
        try:
            if any(isinstance(teacher, CachedTeacher) for _, teacher in model.teachers.items()):
                raise ValueError('its teachers are asked through a cache')
            source = SampleSource(runner.cfg, 'val')
            return source.load(self.samples[0] % len(source), next(model.parameters()).device)
        except (OSError, ValueError) as error:
            runner.logger.info(f'VisualizeHook draws no maps of the pairs: {error}')
            return None


def _read_frames(dataset: Any, places: Sequence[int]) -> dict[int, Frame]:
    """Sensors and truth of some samples, read with the info file beneath the wrappers of a data set."""
    from perception_kd.visualization.sources import InfoFile

    tokens = {place: dataset[place % len(dataset)]['data_samples'].metainfo['token'] for place in places}
    while not hasattr(dataset, 'ann_file'):
        dataset = dataset.dataset if hasattr(dataset, 'dataset') else dataset.datasets[0]
    infos = InfoFile(dataset.ann_file, dataset.data_root)
    return {place: infos.frame(token) for place, token in tokens.items()}

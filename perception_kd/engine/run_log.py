"""Where numbers and pictures of a run go: files, TensorBoard, Weights & Biases; with names that form groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.visualization import TensorboardVisBackend, Visualizer, WandbVisBackend

from perception_kd.registry import VISBACKENDS, VISUALIZERS

GROUPS = {'lr': 'optimiser', 'base_lr': 'optimiser', 'momentum': 'optimiser', 'grad_norm': 'optimiser',
          'time': 'machine', 'data_time': 'machine', 'memory': 'machine', 'epoch': 'progress', 'iter': 'progress',
          'annotated': 'data'}
_STEP = 'progress/iter'


def grouped(name: str) -> str:
    """The name of a scalar or picture with its group before a slash, by which TensorBoard and W&B sort.

    Losses form one group; else a dot ends the group (``share.lidar_to_radar``), as a slash does (``nusc/NDS``), or the
    group is the one in ``GROUPS``.
    """
    if '/' in name:
        return name
    if 'loss' in name:
        return f'loss/{name}'
    group, dot, rest = name.partition('.')
    if dot:
        return f'{group}/{rest}'
    return f'{GROUPS[name]}/{name}' if name in GROUPS else name


def grouped_scalars(scalars: Mapping[str, Any]) -> dict[str, Any]:
    """All with their groups; what a validation took does not go among the times of training steps."""
    training = 'lr' in scalars or 'loss' in scalars
    return {grouped(name if training or name not in ('time', 'data_time') else f'machine/val_{name}'): value
            for name, value in scalars.items()}


@VISUALIZERS.register_module()
class RunVisualizer(Visualizer):
    """mmengine's ``Visualizer`` with named backends, so that one override adds or removes one.

    Args:
        name: Of the instance.
        vis_backends: Configs by name, None: left out; or a list of them, as mmengine has it.
        **kwargs: Of mmengine's class.

    Raises:
        ValueError: one of them is no config.
    """

    def __init__(self, name: str = 'visualizer', *,
                 vis_backends: Mapping[str, Mapping[str, Any] | None] | Sequence[Mapping[str, Any]],
                 **kwargs: Any) -> None:
        named = vis_backends if isinstance(vis_backends, Mapping) else dict(enumerate(vis_backends))
        wrong = next((key for key, one in named.items() if not isinstance(one, (Mapping, type(None)))), None)
        if wrong is not None:
            raise ValueError(f'visualizer.vis_backends.{wrong} must be a config with a type '
                             f'(vis_backends.{wrong}.type=...) or None, got {named[wrong]!r}')
        super().__init__(name, vis_backends=[dict(one) for one in named.values() if one is not None], **kwargs)


@VISBACKENDS.register_module()
class GroupedTensorboard(TensorboardVisBackend):
    """TensorBoard's event files, with :func:`grouped` names."""

    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any) -> None:
        """Args: ``image`` (H, W, 3) uint8 RGB; ``step`` in iterations."""
        super().add_image(grouped(name), image, step, **kwargs)

    def add_scalars(self, scalar_dict: dict[str, Any], step: int = 0, file_path: str | None = None,
                    **kwargs: Any) -> None:
        """Args: values by name, and their step."""
        super().add_scalars(grouped_scalars(scalar_dict), step, file_path, **kwargs)


@VISBACKENDS.register_module()
class GroupedWandb(WandbVisBackend):
    """Weights & Biases, with :func:`grouped` names and the iteration beside every picture.

    Whether it goes to a server is W&B's own matter: ``WANDB_MODE=offline``, or ``init_kwargs.mode='offline'``, keeps
    it in the run's folder, from where ``wandb sync`` sends it.

    Args:
        save_dir: Folder, which the Runner gives.
        init_kwargs: Of ``wandb.init``; the project is ``perception_kd`` unless they say otherwise.
        **kwargs: Of mmengine's ``WandbVisBackend``.

    Raises:
        ImportError: at the first use, where wandb is missing.
        ValueError: at the first use, where it does not start, such as without a key for its server.
    """

    def __init__(self, save_dir: str, init_kwargs: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(save_dir, {'project': 'perception_kd', **(init_kwargs or {})}, **kwargs)

    def _init_env(self) -> None:
        try:
            super()._init_env()
        except ImportError as error:
            raise ImportError('the config logs to Weights & Biases, and wandb is not installed: pip install '
                              "'perception_kd[wandb]', or set visualizer.vis_backends.wandb=None") from error
        except Exception as error:
            if not type(error).__module__.startswith('wandb'):
                raise
            raise ValueError(f'Weights & Biases does not start: {error}; run `wandb login`, or set WANDB_MODE=offline'
                             ) from error

    def add_config(self, config: Config, **kwargs: Any) -> None:
        """The config; the code of the working directory, which mmengine's sends along, only under a name for it."""
        if self._log_code_name is not None:
            super().add_config(config, **kwargs)
        else:
            self.experiment.config.update(config.to_dict())

    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any) -> None:
        """Args: ``image`` (H, W, 3) uint8 RGB; ``step`` in iterations."""
        wandb = self.experiment
        wandb.log({grouped(name): wandb.Image(image), _STEP: step}, commit=self._commit)

    def add_scalars(self, scalar_dict: dict[str, Any], step: int = 0, file_path: str | None = None,
                    **kwargs: Any) -> None:
        """Args: values by name."""
        super().add_scalars(grouped_scalars(scalar_dict), step, file_path, **kwargs)

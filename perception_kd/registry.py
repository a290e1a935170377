"""Registries of scope ``perception_kd``, children of mmengine's roots where a root exists.

Configs set ``default_scope = 'perception_kd'`` and write foreign parts with their prefix
(``mmdet3d.CenterHead``, ``mmdet.ResNet``). ``locations`` are imported on the first lookup, so that
naming a class in a config is enough to find it.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from mmengine import registry as roots
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import OPTIM_WRAPPERS as MMENGINE_OPTIM_WRAPPERS
from mmengine.registry import RUNNERS as MMENGINE_RUNNERS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import VISUALIZERS as MMENGINE_VISUALIZERS
from mmengine.registry import Registry

SCOPE = 'perception_kd'
_DISTILL = 'distill.registered'


class _LazyRegistry(Registry):
    """Imports its locations one after another, until the name is there: stereo never waits for mmdet3d."""

    def get(self, key: str) -> type | None:
        """As mmengine's."""
        scope, name = self.split_scope_key(key)
        if scope not in (None, self.scope):
            return super().get(key)
        for location in self._locations:
            if name in self._module_dict:
                return self._module_dict[name]
            import_module(location)
        return super().get(key)


def _child(name: str, parent: Registry, *locations: str, build_func: Callable | None = None) -> Registry:
    return _LazyRegistry(name, build_func=build_func, parent=parent, scope=SCOPE,
                         locations=[f'{SCOPE}.{place}' for place in locations])


def _build_model(cfg: Any, *args: Any, registry: Registry, **kwargs: Any) -> Any:
    """As mmengine's; ``slimmed`` in a model's config cuts it to the widths of a pruning."""
    from perception_kd.models.slimmed import build_model  # light, but not what a data set waits for

    return build_model(cfg, *args, registry=registry, **kwargs)


MODELS = _child('model', MMENGINE_MODELS, 'models.stereo', _DISTILL, 'models.layers', 'compress', 'models.uav',
                'models.det3d', build_func=_build_model)
DATASETS = _child('dataset', MMENGINE_DATASETS, 'datasets.stereo.dataset', 'datasets.other_pictures',
                  'datasets.uav.dataset', 'datasets.nuscenes.dataset', 'datasets.class_balance')
TRANSFORMS = _child('transform', MMENGINE_TRANSFORMS, 'datasets.transforms.stereo', 'datasets.transforms.uav',
                    'datasets.transforms.det3d')
FUNCTIONS = _child('function', roots.FUNCTIONS, 'datasets.transforms.uav')
PARAM_SCHEDULERS = _child('param_scheduler', roots.PARAM_SCHEDULERS, 'engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child('optim_wrapper_constructor', roots.OPTIM_WRAPPER_CONSTRUCTORS, 'engine')
METRICS = _child('metric', MMENGINE_METRICS, 'evaluation.stereo', 'evaluation.uav', 'evaluation.nuscenes_metric')
HOOKS = _child('hook', MMENGINE_HOOKS, 'engine')
OPTIM_WRAPPERS = _child('optim_wrapper', MMENGINE_OPTIM_WRAPPERS, 'engine')
VISUALIZERS = _child('visualizer', MMENGINE_VISUALIZERS, 'engine')
VISBACKENDS = _child('vis_backend', roots.VISBACKENDS, 'engine')
RUNNERS = _child('runner', MMENGINE_RUNNERS, 'engine')
# Nothing of ours is in these; without them mmengine warns at each use that it does not find the scope.
EMPTY = tuple(_child(root.name, root) for root in (
    roots.DATA_SAMPLERS, roots.EVALUATOR, roots.LOG_PROCESSORS, roots.LOOPS, roots.OPTIMIZERS, roots.TASK_UTILS,
    roots.WEIGHT_INITIALIZERS))

# The parts of a distillation pair and of a teacher. They have no mmengine root.
TEACHER_ADAPTERS = _LazyRegistry('teacher adapter', scope=SCOPE, locations=[
    f'{SCOPE}.{place}' for place in (_DISTILL, 'compress', 'models.det3d')])
CONNECTORS = Registry('connector', scope=SCOPE, locations=[f'{SCOPE}.{_DISTILL}'])
MASKS = Registry('mask', scope=SCOPE, locations=[f'{SCOPE}.{_DISTILL}'])
DISTILL_LOSSES = Registry('distillation loss', scope=SCOPE, locations=[f'{SCOPE}.{_DISTILL}'])
MATCHERS = Registry('matcher', scope=SCOPE, locations=[f'{SCOPE}.{_DISTILL}'])
SCHEDULES = Registry('schedule', scope=SCOPE, locations=[f'{SCOPE}.{_DISTILL}'])

# Faults of sensors, for tests of robustness and for training.
FAULTS = Registry('sensor fault', scope=SCOPE, locations=[f'{SCOPE}.faults'])

# Trackers, and what they compare boxes with.
TRACKERS = Registry('tracker', scope=SCOPE, locations=[f'{SCOPE}.tracking'])
TRACK_COSTS = Registry('track cost', scope=SCOPE, locations=[f'{SCOPE}.tracking'])

# Which blocks of a model a search may exchange, and by what.
SEARCH_SPACES = _LazyRegistry('search space', scope=SCOPE, locations=[
    f'{SCOPE}.{place}' for place in ('models.stereo.cost_filter.search_space', 'models.det3d.trunk_space')])

# How a model is pruned, and which of its channels can only go together.
PRUNERS = _LazyRegistry('pruner', scope=SCOPE, locations=[
    f'{SCOPE}.{place}' for place in ('compress', 'models.stereo.refine.groups')])

"""Registries of scope ``perception_kd``, children of mmengine's roots where a root exists.

Configs set ``default_scope = 'perception_kd'`` and write foreign parts with their prefix
(``mmdet3d.CenterHead``, ``mmdet.ResNet``). ``locations`` are imported on the first lookup, so that
naming a class in a config is enough to find it.
"""

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


def _child(name: str, parent: Registry, *locations: str) -> Registry:
    return Registry(name, parent=parent, scope=SCOPE, locations=[f'{SCOPE}.{place}' for place in locations])


MODELS = _child('model', MMENGINE_MODELS, 'models', 'distill')
DATASETS = _child('dataset', MMENGINE_DATASETS, 'datasets.nuscenes.dataset', 'datasets.class_balance')
TRANSFORMS = _child('transform', MMENGINE_TRANSFORMS, 'datasets.transforms')
METRICS = _child('metric', MMENGINE_METRICS, 'evaluation.nuscenes_metric')
HOOKS = _child('hook', MMENGINE_HOOKS, 'engine')
OPTIM_WRAPPERS = _child('optim_wrapper', MMENGINE_OPTIM_WRAPPERS, 'engine')
VISUALIZERS = _child('visualizer', MMENGINE_VISUALIZERS, 'visualization')
RUNNERS = _child('runner', MMENGINE_RUNNERS, 'engine')
# Nothing of ours is in these; without them mmengine warns at each use that it does not find the scope.
EMPTY = tuple(_child(root.name, root) for root in (
    roots.DATA_SAMPLERS, roots.EVALUATOR, roots.FUNCTIONS, roots.LOG_PROCESSORS, roots.LOOPS,
    roots.OPTIMIZERS,
    roots.OPTIM_WRAPPER_CONSTRUCTORS, roots.PARAM_SCHEDULERS, roots.TASK_UTILS, roots.VISBACKENDS,
    roots.WEIGHT_INITIALIZERS))

# The parts of a distillation pair and of a teacher. They have no mmengine root.
TEACHER_ADAPTERS = Registry('teacher adapter', scope=SCOPE, locations=[f'{SCOPE}.models'])
CONNECTORS = Registry('connector', scope=SCOPE, locations=[f'{SCOPE}.distill'])
MASKS = Registry('mask', scope=SCOPE, locations=[f'{SCOPE}.distill'])
DISTILL_LOSSES = Registry('distillation loss', scope=SCOPE, locations=[f'{SCOPE}.distill'])
MATCHERS = Registry('matcher', scope=SCOPE, locations=[f'{SCOPE}.distill'])
SCHEDULES = Registry('schedule', scope=SCOPE, locations=[f'{SCOPE}.distill'])

# Faults of sensors, for tests of robustness and for training.
FAULTS = Registry('sensor fault', scope=SCOPE, locations=[f'{SCOPE}.faults'])

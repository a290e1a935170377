"""Workers by Ray: processes of this machine, or of a cluster."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from types import ModuleType
from typing import Any

from perception_kd.processes import ctrl_c_ignored
from perception_kd.pseudo_labels.pools import Answer, Work, attempt, told

_QUIET = {'RAY_USAGE_STATS_ENABLED': '0', 'RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO': '0'}
_ALONE = {'RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER': '0'}
"""As where this is the default, a Ray of one machine listens to that machine alone."""
_STORE = 100 * 2**20  # bytes of Ray's shared memory, through which nothing large goes
_FOLDERS = '/var/tmp', '/dev/shm'
_SOCKET = '/rayXXXXXXXX/session_2000-01-01_00-00-00_000000_4194304/sockets/plasma_store'
_LONGEST = 107  # bytes of a socket's path on Linux


class RayPool:
    """See :class:`~perception_kd.pseudo_labels.pools.Pool`.

    A worker that dies is replaced, and its item failed. All of them end with this process, also when it is killed.

    Args:
        make_worker: Called in each worker.
        count: Of workers.
        address: Of a running cluster; None: Ray starts on this machine, without dashboard and statistics, listens to
            this machine alone, and ends with the pool.
        gpus: Of each worker.

    Raises:
        ImportError: No Ray.
        ConnectionError: No cluster at ``address``.
        ValueError: It has not so much to give, or ``make_worker`` fails.
    """

    def __init__(self, make_worker: Callable[[], Work], count: int, *, address: str | None = None,
                 gpus: float = 0.0) -> None:
        self.ray, self.make_worker, self.gpus = _import_ray(alone=address is None), make_worker, gpus
        self.busy: dict[Any, tuple[str, Any]] = {}
        """Task -> key and its worker."""
        self.waiting: list[Any] = []
        self.folder = _folder() if address is None else None
        try:
            _connect(self.ray, address, self.folder, count)
            _check_resources(self.ray, count, gpus)
            self.waiting = [self._begin() for _ in range(count)]
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise

    def idle(self) -> bool:
        """See :class:`Pool`."""
        return bool(self.waiting)

    def submit(self, key: str, item: Any) -> None:
        """See :class:`Pool`."""
        worker = self.waiting.pop()
        self.busy[worker.do.remote(key, item)] = key, worker

    def next_answer(self) -> Answer:
        """See :class:`Pool`."""
        (task, *_), _ = self.ray.wait(list(self.busy), num_returns=1)
        key, worker = self.busy.pop(task)
        try:
            answer = self.ray.get(task)
        except self.ray.exceptions.RayError as error:
            worker = self._begin()
            answer = Answer(key, error=f'its worker died ({type(error).__name__}); did the memory run out?')
        self.waiting.append(worker)
        return answer

    def close(self) -> None:
        """See :class:`Pool`."""
        with ctrl_c_ignored():
            self.ray.shutdown()
            if self.folder is not None:
                shutil.rmtree(self.folder, ignore_errors=True)

    def _begin(self) -> Any:
        return self.ray.remote(num_cpus=1, num_gpus=self.gpus, max_restarts=0)(_Worker).remote(self.make_worker)

    def _wait_until_ready(self) -> None:
        try:
            errors = self.ray.get([worker.error_at_begin.remote() for worker in self.waiting])
        except self.ray.exceptions.RayError as error:
            raise ValueError(f'a worker cannot start: {str(error).splitlines()[0]}; have all machines the same '
                             'packages, and memory enough?') from error
        for error in filter(None, errors):
            raise ValueError(error)


class _Worker:
    """Does the work in a process of its own; an error there comes back as text, not in Ray's pages."""

    def __init__(self, make_worker: Callable[[], Work]) -> None:
        self.error = ''
        try:
            self.work = make_worker()
        except Exception as error:
            self.error = told(error)

    def error_at_begin(self) -> str:
        return self.error

    def do(self, key: str, item: Any) -> Answer:
        return Answer(key, error=self.error) if self.error else attempt(self.work, key, item)


def _import_ray(alone: bool) -> ModuleType:
    os.environ.update({**_QUIET, **(_ALONE if alone else {})})  # read when Ray loads
    try:
        import ray
    except ImportError:
        raise ImportError('several workers need Ray, which is not installed: pip install "perception_kd[pseudo]", or '
                          'leave out --workers and --address') from None
    return ray


def _folder() -> str:
    """A new one for the files of a Ray of this machine, with a name short enough for its sockets.

    Raises:
        ValueError: There is none.
    """
    usual = tempfile.gettempdir()
    most = _LONGEST - len(_SOCKET)
    for base in (usual, *_FOLDERS):
        if len(os.fsencode(base)) <= most and os.access(base, os.W_OK):
            return tempfile.mkdtemp(prefix='ray', dir=base)
    raise ValueError(f'TMPDIR {usual} is too long for the sockets of Ray: set it to a folder of at most {most} letters')


def _connect(ray: ModuleType, address: str | None, folder: str | None, count: int) -> None:
    switches: dict[str, Any] = dict(logging_level='ERROR', log_to_driver=False)
    if address is None:
        ray.init('local', num_cpus=count, include_dashboard=False, object_store_memory=_STORE, _temp_dir=folder,
                 **switches)
        return
    try:
        ray.init(address, **switches)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise ConnectionError(f'--address {address}: no Ray cluster answers there '
                              f'({str(error).splitlines()[0][:120]})') from None


def _check_resources(ray: ModuleType, count: int, gpus: float) -> None:
    has = ray.cluster_resources()
    for kind, asked in (('CPU', count), ('GPU', count * gpus)):
        if has.get(kind, 0) < asked:
            raise ValueError(f'{count} workers need {asked:g} {kind}s, Ray has {has.get(kind, 0):g}; give fewer '
                             '--workers' + (' or less --gpus-per-worker' if kind == 'GPU' else ''))

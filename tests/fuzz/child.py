"""One process that fuzzes one reader: ``python -m tests.fuzz.child TARGET FOLDER [libFuzzer's options]``."""

from __future__ import annotations

import atexit
import codecs
import importlib
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import atheris

if TYPE_CHECKING:
    from tests.fuzz.targets import Target

INSTRUMENTED = ['perception_kd']
_RELOADED = ('torch._weights_only_unpickler',)  # instrumented too: torch's reader of pickles
_LARGE = ('perception_kd.compat', 'torch._dynamo', 'torch._subclasses.schema_check_mode', 'torch.nested._internal.ops',
          'mmengine.runner', 'mmdet3d.structures')
"""Imported before anything is instrumented, which would take a minute: what the readers stand on, and what torch
imports late, for odd tensors."""
EVERY = 'all'
"""Names all targets, which take turns by the first byte of an input."""
_ENCODINGS = ('utf-16', 'utf-16-be', 'utf-16-le', 'utf-32', 'utf-32-be', 'utf-32-le', 'utf-8-sig')
_OPTIONS = ('-max_len=6000', '-timeout=20', '-rss_limit_mb=4096', '-print_final_stats=1')


def main(name: str, folder: Path, options: list[str]) -> None:
    """Does not come back: libFuzzer ends the process.

    Args:
        name: Of the target, or ``EVERY``.
        folder: Keeps the inputs that reach new code (``corpus``) and those that break something.
        options: Of libFuzzer, such as ``-runs=1000``.
    """
    scratch = Path(tempfile.mkdtemp(prefix='fuzz-', dir='/dev/shm' if Path('/dev/shm').is_dir() else None))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    os.environ['TMPDIR'] = tempfile.tempdir = str(scratch)
    targets = _instrumented_targets(name, scratch / 'root')
    _write_seeds(targets, folder, marked=name == EVERY)
    _get_ready(targets, scratch)
    arguments = [sys.argv[0], f'-artifact_prefix={folder}/', f'-dict={folder}/words', *_OPTIONS, *options,
                 str(folder / 'corpus')]
    atheris.Setup(arguments, _try_one(targets, scratch, marked=name == EVERY))
    atheris.Fuzz()


def _instrumented_targets(name: str, root: Path) -> list[Target]:
    for module in _LARGE:
        importlib.import_module(module)
    with atheris.instrument_imports(include=INSTRUMENTED):  # makes what is imported inside tell its coverage
        from perception_kd.datasets.nuscenes.create import InfoJob, create_infos
        from tests.fuzz.readers import READERS
        from tests.tiny_world import VERSION, make_tiny_world

        for module in _RELOADED:
            importlib.reload(importlib.import_module(module))
        make_tiny_world(root)
        create_infos(InfoJob(root=root, version=VERSION, out=root), echo=lambda line: None)
        return [READERS[one](root) for one in (READERS if name == EVERY else (name,))]


def _write_seeds(targets: list[Target], folder: Path, *, marked: bool) -> None:
    corpus = folder / 'corpus'
    corpus.mkdir(parents=True, exist_ok=True)
    for place, target in enumerate(targets):
        for number, seed in enumerate(target.all_seeds()):
            (corpus / f'seed-{target.name}-{number}').write_bytes((bytes([place]) if marked else b'') + seed)
    words = {word for target in targets for word in target.words}
    (folder / 'words').write_text(''.join('"' + ''.join(f'\\x{byte:02x}' for byte in word) + '"\n' for word in words))


def _get_ready(targets: list[Target], scratch: Path) -> None:
    """Let everything be imported that is imported on first use, and nothing be logged."""
    from mmengine.logging import print_log

    for encoding in _ENCODINGS:
        codecs.lookup(encoding)
    print_log('', logger='current')
    logging.disable(logging.CRITICAL)
    warnings.simplefilter('ignore')
    sys.unraisablehook = lambda unraisable: None  # CPython's own complaints about a bytearray that was refused
    for target in targets:
        for seed in target.all_seeds():
            if not any(word in seed for word in (b'system', b'eval', b'exec', b'Popen')):
                target.try_input(seed, scratch)


def _try_one(targets: list[Target], scratch: Path, *, marked: bool) -> Callable[[bytes], None]:
    from tests.fuzz.guard import Guard

    guard = Guard(str(scratch))

    def try_one(data: bytes) -> None:
        place, data = (data[0] if data else 0, data[1:]) if marked else (0, data)
        target = targets[place % len(targets)]
        with guard.watching(target.allowed):
            target.try_input(data, scratch)

    return try_one


if __name__ == '__main__':
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])

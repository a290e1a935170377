"""One process that fuzzes one reader: ``python -m tests.fuzz.child TARGET FOLDER [libFuzzer's options]``."""

from __future__ import annotations

import codecs
import logging
import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

INSTRUMENTED = ['perception_kd.datasets', 'perception_kd.distill.teacher_cache', 'perception_kd.engine',
                'perception_kd.evaluation', 'mmengine.config', 'torch._weights_only_unpickler', 'torch.serialization',
                'json', 'pickle', 'yaml']


def main(name: str, folder: Path, options: list[str]) -> None:
    """Does not come back: libFuzzer ends the process.

    Args:
        name: Of the target; ``all`` takes them in turn, by the first byte of an input.
        folder: Keeps the inputs that reach new code (``corpus``) and those that break something.
        options: Of libFuzzer, such as ``-runs=1000``.
    """
    scratch = Path(tempfile.mkdtemp(prefix='fuzz-', dir='/dev/shm' if Path('/dev/shm').is_dir() else None))
    os.environ['TMPDIR'] = tempfile.tempdir = str(scratch)
    with atheris.instrument_imports(include=INSTRUMENTED):
        from mmengine.logging import print_log

        from perception_kd.datasets.nuscenes.create import InfoJob, create_infos
        from tests.fuzz.guard import Guard
        from tests.fuzz.readers import READERS
        from tests.tiny_world import VERSION, make_tiny_world
    for encoding in ('utf-16', 'utf-16-be', 'utf-16-le', 'utf-32', 'utf-32-be', 'utf-32-le', 'utf-8-sig'):
        codecs.lookup(encoding)
    print_log('what logging imports on first use is no finding', logger='current')
    logging.disable(logging.CRITICAL)
    warnings.simplefilter('ignore')
    root = make_tiny_world(scratch / 'root')
    create_infos(InfoJob(root=root, version=VERSION, out=root), echo=lambda line: None)
    chosen = [READERS[one](root) for one in (READERS if name == 'all' else (name,))]
    corpus = folder / 'corpus'
    corpus.mkdir(parents=True, exist_ok=True)
    for place, target in enumerate(chosen):
        for number, seed in enumerate(target.all_seeds()):
            (corpus / f'seed-{target.name}-{number}').write_bytes((bytes([place]) if name == 'all' else b'') + seed)
    words = {word for target in chosen for word in target.words}
    (folder / 'words').write_text(''.join('"' + ''.join(f'\\x{byte:02x}' for byte in word) + '"\n' for word in words))
    guard = Guard(str(scratch))
    for target in chosen:  # what is imported on first use is no finding
        for seed in target.all_seeds():
            if not any(word in seed for word in (b'system', b'eval', b'exec', b'Popen')):
                target.try_input(seed, scratch)

    def try_one(data: bytes) -> None:
        target = chosen[0]
        if name == 'all':
            if not data:
                return
            target, data = chosen[data[0] % len(chosen)], data[1:]
        with guard.watching(target.allowed):
            target.try_input(data, scratch)

    atheris.Setup([sys.argv[0], f'-artifact_prefix={folder}/', f'-dict={folder}/words', '-max_len=6000',
                   '-timeout=20', '-rss_limit_mb=4096', '-print_final_stats=1', *options, str(corpus)], try_one)
    import atexit
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    atheris.Fuzz()


if __name__ == '__main__':
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])

"""Pickles that run code where a reader lets them."""

import io
import os
import pickle
import subprocess
import zipfile
from collections import OrderedDict
from typing import Any


class _Call:
    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


def hostile_pickles() -> list[bytes]:
    """Whole pickles, each of which would act when it is loaded without care."""
    calls = [_Call(os.system, 'echo fuzzed'), _Call(eval, '__import__("os").getcwd()'), _Call(exec, 'x = 1'),
             _Call(getattr, OrderedDict, '__subclasses__'), _Call(subprocess.Popen, ['true']), _Call(open, 'x', 'w')]
    contents = [{'state_dict': call, 'metainfo': {}, 'data_list': [call]} for call in calls]
    by_name = [f'c{module}\n{name}\n(S"1"\ntR.'.encode() for module, name in (
        ('builtins', 'eval'), ('os', 'system'), ('posix', 'system'), ('torch.hub', 'load'), ('numpy', 'load'),
        ('torch', 'load'), ('torch.serialization', 'load'), ('runpy', 'run_path'), ('mmengine', 'Config.fromfile'),
        ('numpy.core.multiarray', '_reconstruct'), ('torch.storage', '_load_from_bytes'), ('webbrowser', 'open'),
        ('torch.jit', 'load'), ('importlib', 'import_module'), ('builtins', '__import__'))]
    return [pickle.dumps(content, protocol=protocol) for content in contents for protocol in (0, 2, 4)] + by_name


def torch_wrapped(data: bytes, suffix: str) -> bytes:
    """The content of a file of ``torch.save``: made around a pickle where the suffix begins with ``.zip``."""
    return torch_file(data) if suffix.startswith('.zip') else data


def torch_file(pickled: bytes) -> bytes:
    """A file of ``torch.save`` with this pickle and two storages of 16 bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, 'w', zipfile.ZIP_STORED) as archive:
        for name, content in (('data.pkl', pickled), ('byteorder', b'little'), ('data/0', bytes(range(16))),
                              ('data/1', bytes(16)), ('version', b'3\n'), ('.data/serialization_id', b'0' * 40)):
            archive.writestr(f'archive/{name}', content)
    return stream.getvalue()

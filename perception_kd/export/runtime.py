"""ONNX files in onnxruntime, of any task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from perception_kd.files import require_file

MISSING = "needs onnx, onnxscript and onnxruntime: pip install 'perception_kd[deploy]'"


def open_session(path: str | Path) -> tuple[Any, dict[str, Any]]:
    """onnxruntime's session of a file of ``tools/export.py`` on the CPU, and what the file says of itself.

    Raises:
        FileNotFoundError, ImportError, ValueError: no such file, no onnxruntime, or no graph.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(f'running an ONNX file {MISSING}') from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            str(require_file(path, 'ONNX file')), options, providers=['CPUExecutionProvider'])
        about = session.get_modelmeta().custom_metadata_map
        return session, {key: json.loads(value) for key, value in about.items()}
    except FileNotFoundError:
        raise
    except Exception as error:  # onnxruntime's errors have no common class
        raise ValueError(f'{path} is no graph that onnxruntime can load: {error}') from error

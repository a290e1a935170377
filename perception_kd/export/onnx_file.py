"""Writing ONNX files: traced to standard operators, and kept only where onnxruntime agrees with PyTorch."""

from __future__ import annotations

import importlib
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from perception_kd.export.runtime import MISSING
from perception_kd.files import atomic_path
from perception_kd.models.layers.export_forms import export_forms

OPSET = 18  # the first whose scatter takes a maximum

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class OnnxReport:
    """What was written.

    Attributes:
        inputs, outputs: Names and shapes.
        operators: How often each operator occurs.
        difference: Largest difference from PyTorch.
        parameters: Of the student.
        unit: Of the difference.
    """

    inputs: Shapes
    outputs: Shapes
    operators: dict[str, int]
    difference: float
    parameters: int
    unit: str = '(of the largest value of a map)'

    def __str__(self) -> str:
        lines = [f'  {side} {name:24s} {"x".join(map(str, shape))}' for side, shapes in
                 (('in ', self.inputs), ('out', self.outputs)) for name, shape in shapes.items()]
        count = sum(self.operators.values())
        return '\n'.join([*lines,
                          f'  {self.parameters / 1e6:.3f} M parameters, {count} operators of the standard',
                          f'  differs from PyTorch by at most {self.difference:.1e} {self.unit}'])


def onnx_package() -> Any:
    """The package ``onnx``.

    Raises:
        ImportError: It, or another one that export needs, is missing.
    """
    try:
        importlib.import_module('onnxscript')
        importlib.import_module('onnxruntime')
        return importlib.import_module('onnx')
    except ImportError as error:
        raise ImportError(f'--format onnx {MISSING}') from error


def check_opset(opset: int) -> None:
    """Raises: ``ValueError`` where ``opset`` is older than ``OPSET``."""
    if opset < OPSET:
        raise ValueError(f'--opset {opset}: the graph needs {OPSET} or more')


def traced(graph: nn.Module, example: Mapping[str, Tensor], opset: int, optimise: bool = True,
           free: Mapping[str, Mapping[int, str]] | None = None) -> tuple[Any, Shapes]:
    """ONNX' model of a module that takes and gives tensors by name, and the shapes of its outputs.

    Args:
        graph: Called with one mapping of inputs.
        example: Inputs of the shapes that the model will take.
        opset: Version of ONNX' operators.
        optimise: Fold constants and fuse operators.
        free: Input -> dimension -> its name, of those that the model shall take in any size; others are fixed.

    Raises:
        ValueError: an operator has no counterpart.
    """
    example = dict(example)
    with _quiet(), torch.no_grad(), export_forms():
        outputs = graph(example)
        try:
            program = torch.onnx.export(graph, (), kwargs=dict(inputs=example), dynamo=True, opset_version=opset,
                                        input_names=list(example), output_names=list(outputs), optimize=optimise,
                                        dynamic_shapes=_free_shapes(example, free), verbose=False)
        except Exception as error:  # whatever an operator without a counterpart raises
            reason = ' '.join(str(error.__cause__ or error).split())[:400]
            raise ValueError(f'this student cannot be written as ONNX: {reason}') from error
    proto = program.model_proto
    for node in proto.graph.node:  # notes of the exporter: stack traces with the paths of this machine
        node.ClearField('metadata_props')
        node.ClearField('doc_string')
    return proto, {name: tuple(value.shape) for name, value in outputs.items()}


def _free_shapes(example: Mapping[str, Tensor], free: Mapping[str, Mapping[int, str]] | None) -> Any:
    """What torch's exporter calls dynamic shapes; None where all are fixed."""
    if not free:
        return None
    return dict(inputs={name: {place: torch.export.Dim(word) for place, word in free.get(name, {}).items()}
                        for name in example})


def count_operators(proto: Any) -> dict[str, int]:
    """Operators and how often they occur; ``ValueError`` for one that is not of the standard."""
    found: dict[str, int] = {}
    for node in proto.graph.node:
        if node.domain not in ('', 'ai.onnx'):
            raise ValueError(f'the graph needs {node.domain}::{node.op_type}, which is no standard operator')
        found[node.op_type] = found.get(node.op_type, 0) + 1
    return dict(sorted(found.items()))


def save_if_equal(proto: Any, out: str | Path, metadata: Mapping[str, Any], difference: Callable[[Path], float],
                  tolerance: float, unit: str = '') -> float:
    """Write the model with its metadata, in place of what ``out`` was, if its results are PyTorch's.

    Args:
        difference: Measures a file's largest difference from PyTorch.
        tolerance: What is allowed.
        unit: Of both.

    Returns:
        The difference.

    Raises:
        ValueError: it is too large.
    """
    onnx = onnx_package()
    onnx.helper.set_model_props(proto, {key: json.dumps(value) for key, value in metadata.items()})
    with atomic_path(out) as temporary:
        onnx.save(proto, str(temporary))
        onnx.checker.check_model(str(temporary), full_check=True)
        found = difference(temporary)
        if not found <= tolerance:
            raise ValueError(f'{out} is not written: its graph differs from PyTorch by {found:.2g}{unit}, allowed are '
                             f'{tolerance:g}{unit}')
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on packages that are not needed here."""
    logger = logging.getLogger('torch.onnx')
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logger.setLevel(level)

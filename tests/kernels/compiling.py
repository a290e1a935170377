"""``python -m tests.kernels.compiling``: compile every kernel for a GPU that need not be there, as it is launched.

The interpreter, which runs the kernels without a GPU, forgives what the compiler does not (types that change in a
loop, methods of numbers that were constants). Triton's wheel holds all that compiling takes, down to machine code.
"""

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.runtime.jit import JITFunction

from perception_kd.compat.ops import scatter, voxelize
from perception_kd.kernels import kernels
from perception_kd.models.layers import BEVPoolPattern, bev_pool, pillar_scatter

TARGETS = (GPUTarget('cuda', 80, 32), GPUTarget('cuda', 90, 32))
OPTIONS = ('num_warps', 'enable_fp_fusion')
TYPES = {torch.float32: 'fp32', torch.float64: 'fp64', torch.bfloat16: 'bf16', torch.float16: 'fp16',
         torch.int32: 'i32', torch.int64: 'i64'}
compiled: dict[tuple, int] = {}


def type_of(value: object) -> str:
    """As Triton sees an argument: 1 and None are constants."""
    if isinstance(value, torch.Tensor):
        return '*' + TYPES[value.dtype]
    if isinstance(value, float):
        return 'fp32'
    if value is None or value == 1:
        return 'constexpr'
    return 'i32' if -2**31 <= value < 2**31 else 'i64'


def compile_instead(self: JITFunction, *args: object, grid: tuple, warmup: bool, **named: object) -> None:
    """In place of ``JITFunction.run``."""
    options = {name: named.pop(name) for name in OPTIONS}
    given = dict(zip(self.arg_names, args, strict=False))
    signature = {name: type_of(value) for name, value in given.items()} | dict.fromkeys(named, 'constexpr')
    constants = {name: value for name, value in (given | named).items() if signature[name] == 'constexpr'}
    target = TARGETS[len(compiled) % len(TARGETS)]
    key = (self.fn.__name__, *signature.items(), *((name, str(value)) for name, value in constants.items()))
    if key not in compiled:
        source = triton.compiler.ASTSource(fn=self, signature=signature, constexprs=constants)
        compiled[key] = len(triton.compile(source, target=target, options=options).asm['cubin'])


def launch_all(dtype: torch.dtype, size: int, channels: int) -> None:
    """Every kernel once; the results are whatever stood in memory."""
    row = torch.zeros(size, dtype=torch.long)
    points = torch.zeros(size, channels, dtype=dtype, requires_grad=True)
    for reduction in ('max', 'mean'):
        pillar_scatter(points, row, size, reduce=reduction).sum().backward()
    cell = torch.zeros(1, 1, size, size, size, dtype=torch.long)
    depth = torch.zeros(1, size, size, size, dtype=dtype, requires_grad=True)
    features = torch.zeros(1, channels, size, size, dtype=dtype, requires_grad=True)
    bev_pool(depth, features, BEVPoolPattern.build(cell, cell == 0, size)).sum().backward()
    scatter.dynamic_point_to_voxel_backward(
        torch.zeros(size, channels, dtype=dtype), torch.zeros(1, channels, dtype=dtype), points.detach(),
        torch.zeros(1, channels, dtype=dtype), row.int(), row.int(), 'max')
    cloud, edges = torch.zeros(size, 3 * channels, dtype=dtype), torch.tensor([0.0, 0, 0, size, size, size])
    voxelize.dynamic_voxelize_forward(cloud, torch.ones(3), edges, torch.zeros(size, 3, dtype=torch.int32))
    voxelize.hard_voxelize_forward(
        cloud, torch.ones(3), edges, torch.zeros(size, size, 3 * channels, dtype=dtype),
        torch.zeros(size, 3, dtype=torch.int32), torch.zeros(size, dtype=torch.int32), torch.tensor(0), size, size)


def main() -> None:
    """Print what came out, one line a kernel."""
    JITFunction.run = compile_instead
    with kernels('always'):
        launch_all(torch.bfloat16, 5, 3)
        launch_all(torch.float64, 1, 1)
    for name in sorted({key[0] for key in compiled}):
        print(name, *(size for key, size in compiled.items() if key[0] == name))


if __name__ == '__main__':
    main()

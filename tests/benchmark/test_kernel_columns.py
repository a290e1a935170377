"""Where Triton's kernels run, the benchmarks hold them against their twins."""

from perception_kd.benchmark.ops import OpsCase, benchmark_ops
from perception_kd.benchmark.pooling import benchmark_pooling
from perception_kd.benchmark.pooling_inputs import PoolingCase
from perception_kd.kernels import kernels
from tests.compat import lite_only
from tests.kernels import DEVICE, needs_triton

pytestmark = needs_triton


def test_pooling_has_kernels_beside_the_sparse_product():
    case = PoolingCase(batch=1, cameras=2, height=2, width=3, bins=8, channels=5, half_range=6.4, cell=1.6)
    with kernels('always'):
        report = benchmark_pooling(case, runs=1, device=DEVICE)
    found = {name: column for name, column in report.columns.items() if name.endswith('Triton')}
    assert set(found) == {f'{form}{what}, {how}, Triton' for form in ('', 'RVT ') for what in ('forward', 'step')
                          for how in ('fixed', 'rebuilt')}
    for name, column in found.items():
        stock = 'matrix product, sum of bags' if 'RVT' in name else 'sparse-matrix product'
        assert (column.other, column.ours) == (stock, 'Triton kernels')
        assert max(column.max_difference.values()) < 1e-4
    assert len(report.columns) == 20 and report.columns['step, fixed pattern'].ours == 'sparse-matrix product'


@lite_only
def test_ops_have_kernels_beside_pytorch():
    with kernels('always'):
        report = benchmark_ops(OpsCase(points=80, boxes=3, max_voxels=50, cells=8), runs=1, device=DEVICE)
    found = {name: column for name, column in report.columns.items() if name.endswith('Triton')}
    assert set(found) == {f'{what}, Triton' for what in (
        'hard voxels', 'dynamic voxels', 'scatter step, mean', 'scatter step, max')}
    for name, column in found.items():
        assert max(column.max_difference.values()) < (1e-5 if 'scatter' in name else 1e-30)
    assert len(report.columns) == 10

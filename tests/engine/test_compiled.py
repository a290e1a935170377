"""Compiled modules inside a recorded student: the same numbers, and every tap is recorded."""

import pytest
import torch
from torch import nn

from perception_kd.distill import Distiller
from perception_kd.distill.taps import TapRecorder
from perception_kd.engine.compiled import compile_modules
from tests.distill.toys import ToyStudent, feature_pair, toy_batch, toy_teacher


class TappedStem(nn.Module):
    """The student's stem with the tap inside of what is compiled."""

    def __init__(self, stem: nn.Module) -> None:
        super().__init__()
        self.inner = stem

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        from perception_kd.distill.taps import tap
        return tap('inside', self.inner(value) * 2) / 2


def distiller() -> Distiller:
    torch.manual_seed(0)
    student = ToyStudent(dropout=0.0)
    student.stem = TappedStem(student.stem)
    return Distiller(student=student, teachers=dict(lidar=toy_teacher()), pairs=dict(feature=feature_pair()))


def steps(model: Distiller) -> list[dict[str, torch.Tensor]]:
    """Losses and gradients of three steps."""
    found = []
    for tokens in ((1, 2), (3, 1), (2, 2)):
        with TapRecorder(wanted=['inside']) as recorder:
            losses = model(**model.data_preprocessor(toy_batch(*tokens), True), mode='loss')
        model.zero_grad()
        total, log = model.parse_losses(losses)
        total.backward()
        found.append({**log, 'tap': recorder.collect()['inside'].detach(),
                      **{name: weight.grad.clone() for name, weight in model.named_parameters()}})
    return found


@pytest.mark.parametrize('backend', ['eager', 'aot_eager'])
def test_compiled_modules_give_the_same_and_record(backend: str) -> None:
    torch._dynamo.reset()
    plain, compiled = distiller(), distiller()
    assert compile_modules(compiled, dict(modules=['stem', 'head.reg'], backend=backend)) == ['stem', 'head.reg']
    assert compiled.state_dict().keys() == plain.state_dict().keys()
    for one, other in zip(steps(plain), steps(compiled)):
        for name, value in one.items():
            torch.testing.assert_close(other[name], value, msg=name)


def test_true_compiles_what_there_is_and_a_wrong_path_is_named() -> None:
    class Parts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.image_backbone, self.trunk, self.other = nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1)

    assert compile_modules(Parts(), True) == ['image_backbone', 'trunk']
    assert compile_modules(Parts(), None) == compile_modules(Parts(), False) == []
    with pytest.raises(ValueError, match=r"no modules \['neck'\]; name some of image_backbone, trunk, other"):
        compile_modules(Parts(), dict(modules=['neck']))
    with pytest.raises(ValueError, match=r"compile is True, False or a dictionary of arguments.*got 'abc'"):
        compile_modules(Parts(), 'abc')
    with pytest.raises(ValueError, match='ToyStudent has no modules'):
        compile_modules(ToyStudent(), True)

"""What a run left behind, damaged: checkpoints, the pointer to the newest, the state of a recipe."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perception_kd.engine.foreign_checkpoint import load_weights
from perception_kd.engine.hooks.weight_check import WeightCheckHook
from perception_kd.engine.recipe import KEY_FILE, STATE_FILE, Recipe, Stage
from perception_kd.engine.safe_checkpoint import find_newest_checkpoint, read_checkpoint, write_checkpoint
from tests.engine.tiny_run import TinyModel, build

anywhere = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize('read', [read_checkpoint, load_weights])
@pytest.mark.parametrize('zipped', [True, False])
@anywhere
@given(share=st.floats(0, 1, exclude_max=True))
def test_checkpoint_cut_anywhere(tmp_path: Path, read, zipped: bool, share: float) -> None:
    path = tmp_path / 'a.pth'
    torch.save({'state_dict': {'w': torch.arange(100.0)}, 'meta': {'epoch': 3}}, path,
               _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    path.write_bytes(content[:int(share * len(content))])
    with pytest.raises(ValueError, match=r'a\.pth') as caught:
        read(path)
    assert '\n' not in str(caught.value)


@anywhere
@given(garbage=st.binary(max_size=300))
def test_something_else_in_the_place_of_a_checkpoint(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / 'a.pth'
    path.write_bytes(garbage)
    with pytest.raises(ValueError, match=r'a\.pth'):
        load_weights(path)


@pytest.mark.parametrize('content', [b'', b'\n', bytes(30)])
def test_pointer_that_names_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / 'last_checkpoint').write_bytes(content)
    assert find_newest_checkpoint(tmp_path) is None


def test_pointer_of_garbage(tmp_path: Path) -> None:
    (tmp_path / 'last_checkpoint').write_bytes(b'\xff\xfe\x80')
    with pytest.raises(FileNotFoundError, match=r'last_checkpoint names .* which is gone'):
        find_newest_checkpoint(tmp_path)


def recipe(folder: Path, made: list[str]) -> Recipe:
    output = folder / 'output'
    stage = Stage('a', 'a', lambda: made.append('a') or output.write_text('x'), outputs=(output,),
                  folder=folder / 'work')
    return Recipe(folder, [stage], echo=lambda line: None)


@pytest.mark.parametrize('content', [b'', b'{"a": ', b'\xff\xfe', b'[1]', b'{"a": 3}', b'{"a": {"key": "other"}}'])
@pytest.mark.parametrize('name', [STATE_FILE, f'work/{KEY_FILE}'])
def test_damaged_state_of_a_recipe_means_doing_it_again(tmp_path: Path, name: str, content: bytes) -> None:
    made: list[str] = []
    recipe(tmp_path, made).run()
    (tmp_path / name).write_bytes(content)
    again = recipe(tmp_path, made)
    again.run()
    assert made == (['a', 'a'] if name == STATE_FILE else ['a'])
    recipe(tmp_path, made).run()
    assert made == (['a', 'a'] if name == STATE_FILE else ['a'])


def save(path: Path, **changes: torch.Tensor | None) -> Path:
    weights = {**TinyModel().state_dict(), **{name.replace('__', '.'): value for name, value in changes.items()}}
    write_checkpoint(path, {'state_dict': {name: value for name, value in weights.items() if value is not None}})
    return path


@pytest.mark.parametrize(('changes', 'message'), [
    ({'layers__0__bias': torch.full((8,), float('nan'))}, r'1 of 9 tensors hold NaN or infinity \(layers\.0\.bias\)'),
    ({'layers__1__running_var': torch.full((8,), float('inf'))}, r'\(layers\.1\.running_var\)'),
    ({'layers__0__bias': None}, r'does not fit .* 1 missing \(layers\.0\.bias\)'),
    ({'layers__0__bias': torch.zeros(9)}, r'does not fit .* 1 misshapen \(layers\.0\.bias\)'),
    ({'layers__0__weight': torch.zeros(4, 8)}, r'does not fit .* 1 transposed \(layers\.0\.weight\)'),
])
def test_weights_are_looked_at_before_a_test(tmp_path: Path, changes, message: str) -> None:
    with pytest.raises(ValueError, match=rf'w\.pth.*{message}'):
        load(tmp_path, strict=True, **changes)


def load(folder: Path, *, strict: bool, **changes: torch.Tensor | None) -> None:
    """Load changed weights as a Runner does at its start."""
    runner = build(folder / 'run', epochs=1)
    runner._hooks = [WeightCheckHook(strict=strict)]
    runner._load_from = str(save(folder / 'w.pth', **changes))
    runner.load_or_resume()


def test_what_may_be_loaded_to_begin_a_training(tmp_path: Path) -> None:
    part = {name: None for name in TinyModel().state_dict() if not name.startswith('layers.0')}
    load(tmp_path, strict=False, **part)
    load(tmp_path, strict=True, more=torch.ones(1))
    nothing = {**dict.fromkeys(TinyModel().state_dict()), 'other': torch.ones(1)}
    for strict, changes in ((True, part), (False, nothing)):
        with pytest.raises(ValueError, match='does not fit the model of the config'):
            load(tmp_path, strict=strict, **changes)

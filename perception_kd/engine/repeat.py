"""A training forward pass that can be run once more as it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.model import is_model_wrapper
from torch import Tensor, nn

from perception_kd.distill.distiller import Distiller
from perception_kd.engine.random_state import capture_random_state, restore_random_state

DISTILLER_STATE = ('_progress', 'probe', 'gradients', 'coverage')


class _Moment:
    """What a forward pass reads and changes besides its arguments: random numbers, buffers, a distiller's notes.

    Args:
        model: Whose state is copied.
    """

    def __init__(self, model: nn.Module) -> None:
        self._random = capture_random_state()
        self._buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
        self._notes = [(part, {name: vars(part)[name] for name in DISTILLER_STATE})
                       for part in model.modules() if isinstance(part, Distiller)]

    @torch.no_grad()
    def restore(self) -> None:
        """Put all of it back."""
        restore_random_state(self._random)
        for buffer, value in self._buffers:
            buffer.copy_(value)
        for part, notes in self._notes:
            vars(part).update(notes)

    def stop_measuring(self) -> None:
        """Have no gradients measured in a pass whose figures nobody is to see."""
        for part, _ in self._notes:
            part.probe = None


class RepeatablePass:
    """Remembers the forward pass of one training step and repeats it as it was.

    The repetition draws the same random numbers (dropout, masks, what pairs draw for themselves), sees the buffers and
    the distillation progress that the first pass saw, and leaves no trace: after :meth:`finish` running statistics and
    progress have advanced once and the random generators stand where the first pass left them.

    Args:
        model: The model that is called, a parallel wrapper included.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._calls: list[tuple[tuple, Mapping[str, Any], _Moment]] = []
        self._after: _Moment | None = None

    @property
    def inner(self) -> nn.Module:
        """The model without its parallel wrapper."""
        return self.model.module if is_model_wrapper(self.model) else self.model

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Remember the calls of the model inside the block."""
        handle = self.model.register_forward_pre_hook(self._note, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()

    def _note(self, module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        self._calls.append((args, dict(kwargs), _Moment(module)))

    def again(self) -> Tensor:
        """The total loss of the repeated pass, under the weights of now; call :meth:`finish` after its backward pass.

        Raises:
            ValueError: The step had no forward pass of the model, or several.
        """
        if len(self._calls) != 1:
            raise ValueError(f'a step with {len(self._calls)} forward passes of {type(self.inner).__name__} cannot be '
                             'repeated; sharpness-aware steps need one, inside optim_context')
        args, kwargs, before = self._calls[0]
        self._after = _Moment(self.model)
        before.restore()
        before.stop_measuring()
        outputs = self.model(*args, **kwargs)
        return outputs if isinstance(outputs, Tensor) else self.inner.parse_losses(outputs)[0]

    def finish(self) -> None:
        """Leave the state as the first pass has left it."""
        if self._after is not None:
            self._after.restore()
        self._calls, self._after = [], None

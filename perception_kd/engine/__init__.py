"""Runner, hooks, safe checkpoints."""

from perception_kd.engine import amp, checkpoint_hook, hooks, runner, sam

__all__ = ['amp', 'checkpoint_hook', 'hooks', 'runner', 'sam']

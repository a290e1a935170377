"""Runner, hooks, safe checkpoints."""

from perception_kd.engine import amp, checkpoint_hook, hooks, run_log, runner, sam, warm_up

__all__ = ['amp', 'checkpoint_hook', 'hooks', 'run_log', 'runner', 'sam', 'warm_up']

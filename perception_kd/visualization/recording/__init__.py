"""Recordings for the Rerun viewer: what :mod:`perception_kd.visualization` draws, on a time line and in space."""

from perception_kd.visualization.recording.recorder import Recording

__all__ = ['Recording']

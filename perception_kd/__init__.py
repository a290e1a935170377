"""Distillation for perception: large teachers into small students that run where teachers cannot.

Importing the package alone pulls in nothing heavy; each task's rooms import what they need.
"""

from perception_kd.version import __version__

__all__ = ['__version__']

"""Connectors: what makes a student tap comparable to a teacher tap. Dropped at deployment."""

from perception_kd.distill.connectors.activation import DilatedActivation
from perception_kd.distill.connectors.adaptor import ChannelPart, Conv1x1, DistillAdaptor, LinearMap
from perception_kd.distill.connectors.base import Chain, Connector, Identity, SharedConnector, build_connector
from perception_kd.distill.connectors.resample import BEVResample

__all__ = [
    'BEVResample',
    'Chain',
    'ChannelPart',
    'Connector',
    'Conv1x1',
    'DilatedActivation',
    'DistillAdaptor',
    'Identity',
    'LinearMap',
    'SharedConnector',
    'build_connector',
]

"""UHKD (arXiv 2510.24116, 2025) moved to dense maps: features compared by their low frequencies, at three depths.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``). ``Z(F)``: the 8 x 8 lowest frequencies of a map
that is averaged to 16 x 16, real and imaginary parts; ``nu``: divided by the RMS of the sample; ``A``: a learnt
projection in the frequency domain (1x1 convolution, batch norm, 1x1 convolution)::

  merged, trunk, neck   weight mean |A(Z(S)) - Z(nu(T))|^2
  response              0.5 t^2 sum over classes of KL(sigmoid(z_T / t) || sigmoid(z_S / t)), t = 2

Published: a Fourier transform of the teacher's features, a learnt projection of the student's into it, MSE at several
levels, and KL of the logits beside the label loss. Its filters, levels and weights were not to be read: frequencies,
A and levels are our reading. The weight makes the three terms together 10 to 30 % of the detection losses once the
projections have settled (12 % after 40 steps of the demo's student). Real and imaginary parts stand in place of
amplitudes, which are blind to where an object is. The response is that of ``hinton.py``.
``uhkd_frequencies=dict(size=None,low=32)`` keeps finer patterns. LEFT OUT: nothing that is known.
"""

_base_ = ['../distill/distiller.py']

uhkd_weight = 0.2
uhkd_frequencies = dict(size=16, low=8)
uhkd_loss = dict(
    type='FrequencyMSE', size='${uhkd_frequencies.size}', low='${uhkd_frequencies.low}', parts='complex',
    normalise='rms', project=True)
kd_pairs = dict(
    merged=dict(student='merged_bev', teacher='lidar.bev_s8', loss='${uhkd_loss}', weight='${uhkd_weight}'),
    trunk=dict(student='trunk_s16', teacher='lidar.bev_s16', loss='${uhkd_loss}', weight='${uhkd_weight}'),
    neck=dict(student='trunk_bev', teacher='lidar.neck_bev', loss='${uhkd_loss}', weight='${uhkd_weight}'),
    response=dict(
        student='head', teacher='lidar.head', loss=dict(type='HintonKD', activation='sigmoid', temperature=2.0),
        weight=0.5))

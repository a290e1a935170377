"""A2: the attention that both networks compute themselves. CBAM's maps of the backbone, place by place::

  spatial_i   weight mean_x (M_s^S - M_s^T)^2            one map for each, in (0, 1): no connector
  channel_i   weight (1 - cos(A_i M_c^S, M_c^T))         A_i: a linear map to the teacher's channels

Both need CBAM at the same places (``cbam_at``). Ours: the natural transfer of a network that is named after CBAM.
"""

_base_ = ['./uav.py']

spatial_weight, channel_weight = 3.0, 2.0
kd_pairs = dict(
    spatial=dict(
        type='LayerMatch', student=['attention_bb3', 'attention_bb4', 'attention_bb5'],
        teacher=['uav.attention_bb3', 'uav.attention_bb4', 'uav.attention_bb5'], connector=None,
        loss=dict(type='MSE'), weight=dict(type='Window', value='${spatial_weight}', end='${kd_end}')),
    channel=dict(
        type='LayerMatch', student=['channel_attention_bb3', 'channel_attention_bb4', 'channel_attention_bb5'],
        teacher=['uav.channel_attention_bb3', 'uav.channel_attention_bb4', 'uav.channel_attention_bb5'],
        connector='LinearMap', loss=dict(type='MSE', normalise='l2', channel='sum'),  # twice 1 - cos
        weight=dict(type='Scaled', value=0.5,
                    schedule=dict(type='Window', value='${channel_weight}', end='${kd_end}'))))

"""State accuracy of the Anti-UAV challenge: one target a video, which may be out of sight."""

from __future__ import annotations

import numpy as np

from perception_kd.evaluation.tracking.videos import Video
from perception_kd.evaluation.uav.boxes import overlaps

# The challenge's page tells its terms in words only; these two are as in its report of 2023, from memory.
PENALTY, POWER = 0.2, 0.3


def state_accuracy(video: Video) -> float | None:
    """Mean over frames of the overlap where the target is seen, of 1 or 0 for "nothing" elsewhere; less a penalty.

    ``SA = 1/T sum_t [IoU_t d(v_t > 0) + p_t (1 - d(v_t > 0))] - 0.2 (1/T* sum_{v_t > 0} p_t)^0.3``, where ``p_t`` is 1
    for an empty prediction and T* counts the frames with the target (Anti-UAV: Jiang et al., IEEE TMM 2021). The
    prediction of a frame is its surest box that belongs to a track.

    Args:
        sequence: Ignored regions play no part.

    Returns:
        None where a frame has two targets or more, or the video no frame.
    """
    if not video.frames or any(len(frame.truth.ids) > 1 for frame in video.frames):
        return None
    score, seen, lost = 0.0, 0, 0
    for frame in video.frames:
        empty = not len(frame.found.ids)
        if len(frame.truth.ids):
            seen += 1
            lost += empty
            if not empty:
                best = [int(np.argmax(frame.found.scores))]
                score += float(overlaps(frame.found.boxes[best], frame.truth.boxes)[0, 0])
        else:
            score += empty
    return score / len(video.frames) - (PENALTY * (lost / seen)**POWER if seen else 0.0)

"""How well targets are followed: HOTA, MOTA, IDF1 by TrackEval, and the state accuracy of Anti-UAV."""

from perception_kd.evaluation.tracking.report import format_scores, write_scores
from perception_kd.evaluation.tracking.scores import TrackRules, TrackScores, score_tracks
from perception_kd.evaluation.tracking.videos import Video, read_videos

__all__ = ['TrackRules', 'TrackScores', 'Video', 'format_scores', 'read_videos', 'score_tracks', 'write_scores']

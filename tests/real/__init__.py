"""The package on real sensor data: one nuScenes key frame, and the radar of ten scenes."""

"""The nuScenes detection metrics on plain arrays: every value of nuscenes-devkit's, in a fraction of its time.

No number made here is reported unless somebody asks for ``--engine fast``; the official engine is the devkit.
"""

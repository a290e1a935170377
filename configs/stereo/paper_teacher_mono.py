"""FoundationStereo on SceneFlow: its features are tuned beside the frozen DepthAnythingV2-L.

  --cfg-options prior.checkpoint=data/weights/depth_anything_v2_vitl.pth
"""

_base_ = ['./paper_teacher.py']

model = '${teacher}'

"""The small drone detector that is kept in `data/students/uav.pth`: size n with CBAM and BiFPN at 320 px, taught by size m.

  python tools/infer.py configs/students/uav.py data/students/uav.pth clip.mp4 --out drones --track

Made on one core (docs/benchmarks.md):

  python tools/simulate.py uav --out data/uav_sim --scenes 120
  python tools/convert.py uav-yolo --root DIR --out data/uav_real
  python tools/train.py configs/uav/recipe_cpu.py --amp bf16 --work-dir work_dirs/uav_cpu
  python tools/export.py configs/students/uav.py work_dirs/uav_cpu/student/last.pth --half --out data/students/uav.pth
"""

_base_ = ['../uav/cpu/r1_response.py']

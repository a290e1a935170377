"""Cameras and radars that fail now and then: faults as augmentation of the training of a camera-radar student.

``sensor_faults`` goes first into ``train_pipeline`` (see ``demo/sim_imkd_faults``). Half of the samples have one fault,
drawn anew in each epoch from the run's seed, so that a resumed run draws the same; ``seed=0`` instead would give a sample
the same fault in each epoch. Past frames have the key frame's: lost cameras are lost in all of them.

Teachers that read LiDAR alone see a sound world. For one that reads pictures or radar, keep these apart; here for the
teacher of ``_base_/methods/crkd``:
  train_pipeline = [dict(type='BesideClean', faults='${sensor_faults}', transforms=_base_.train_pipeline,
                         keys=('img', 'cam2lidar'))]
  lidar_camera_frozen = dict(renamed=dict(img='clean_img', cam2lidar='clean_cam2lidar'))
A cached teacher needs the new name in its cache's ``reads``, too.
"""

sensor_faults = dict(
    type='ApplyFaults', seed=None, prob=0.5, draw=1,
    faults=[
        dict(type='CameraCrash', cameras=1),
        dict(type='CameraCrash', cameras=3),
        dict(type='FrameLost', prob=0.25),
        dict(type='Dark', severity='easy'),
        dict(type='Snow', severity='easy'),
        dict(type='MotionBlur', severity='easy'),
        dict(type='CameraExtrinsic', angle_deg=0.5),
        dict(type='RadarsLost', radars=2),
        dict(type='RadarDrop', share=0.5),
        dict(type='RadarMultipath', share=0.25),
        dict(type='RadarClutter', points=10.0, speed_std=3.0),
        dict(type='RadarRcsOffset', offset_db=-4.0),
        dict(type='DopplerNoise', std=1.0),
        dict(type='RadarStale', delay=0.15),
    ])

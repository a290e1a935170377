"""Drone pictures for trainings of minutes on a core or two: small ones, of one size, mosaics for half of them."""

_base_ = ['./uav.py']

image_size = 320
batch_size, num_workers, persistent_workers = 16, 1, True
mosaic_prob = 0.5
close_mosaic = 3
affine_scale = (0.75, 1.25)
multi_scale = 0.0

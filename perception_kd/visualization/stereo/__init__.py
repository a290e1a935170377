"""Stereo: disparity and its errors in colours that mean the same in every picture."""

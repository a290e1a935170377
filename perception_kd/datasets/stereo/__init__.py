"""Rectified stereo pairs with disparity: public formats, folders of one's own, and the data set over them."""

"""Ray-cast stereo pairs with exact disparity of both views."""

"""Camera-radar 3D detection."""

"""Other sensor logs into the nuScenes format."""

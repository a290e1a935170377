"""The rig, and what each sensor makes of a snapshot of the world."""

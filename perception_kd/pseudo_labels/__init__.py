"""Labels that a teacher gives to what nobody annotated; imports nothing."""

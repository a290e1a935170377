"""What flies: multirotors, fixed-wing drones, birds, airplanes, helicopters."""

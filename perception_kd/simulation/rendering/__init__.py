"""From what rays hit to a picture: sky, lamps, surfaces, wet ground, lens and sensor."""

"""How fast methods learn: validation figures by epoch, and the epochs and seconds that an accuracy takes."""

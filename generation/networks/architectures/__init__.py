"""Networks as modules that hand out their layers one after the other."""

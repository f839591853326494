"""Images made by optimisation: parametrization, transforms, objectives and the loop."""

"""Networks by name: architectures, weights, preprocessing, classes and a check of them."""

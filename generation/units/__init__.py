"""The units of a recipe: named, drawn, or carried over to another network."""

"""The face prior: a network that draws faces, where it may speak, and how its detail comes into the print."""

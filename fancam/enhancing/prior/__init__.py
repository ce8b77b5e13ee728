"""Face priors: the networks that draw faces, what they may change, and how their detail is laid into a print."""

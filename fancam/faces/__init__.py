"""Detection, tracking and composition."""

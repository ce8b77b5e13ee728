"""The order of the stages: inputs to picks, to cards, to paper; pictures to larger ones. No image arithmetic."""

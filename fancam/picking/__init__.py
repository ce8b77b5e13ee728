"""Which moments are worth a card: sharpness, quality, selection."""

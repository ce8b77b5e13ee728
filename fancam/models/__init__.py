"""The registry of weight files, the store that finds and verifies them, and the loaders."""

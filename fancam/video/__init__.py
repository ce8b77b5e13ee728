"""Decode: probe, scan and exact decode. The only room that imports av."""

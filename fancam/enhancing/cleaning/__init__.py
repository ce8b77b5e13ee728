"""Cleaning of single pictures: how noisy one is, its noise taken out, the seams of its compression smoothed.

``noise.measure_noise`` tells the strength from the picture, ``denoise.is_noisy`` whether it pays, ``denoise.denoise``
takes out what was measured. ``deblock.deblock`` smooths the grid of JPEG and video where one is measured,
``traces.smooth_traces`` what in-loop filters leave: steps, blotches and waves near plateaus.
``learned.LearnedDenoiser`` takes the noise out by a network, where ``learned.resolve_denoiser`` finds that one was
asked for.
"""

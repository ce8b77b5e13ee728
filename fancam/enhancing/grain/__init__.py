"""Grain-preserving enlargement: the grain of a source is measured, taken out, and made again at the new size.

``measure.measure_grain`` says how strong the grain is at each luma and what its spectrum is, ``model.remove_grain``
leaves what is beneath it for a network to enlarge, and ``adding.add_grain`` makes the same grain in the result: as
strong, and as coarse on paper. ``matching.match_grain`` gives a part of a print that was replaced, a restored face, the
grain around it. The model (noise shaped by one spectrum, scaled by a curve over brightness) is that of film grain
synthesis in AV1 (Norkin, Birkbeck: "Film grain synthesis for AV1 video codec", DCC 2018).
"""

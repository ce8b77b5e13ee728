"""Still pictures in and out, colour profiles and resampling. The only room that imports Pillow."""

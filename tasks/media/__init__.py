"""Clips, frames, images and sound: the only package that imports av and ffmpeg-python.

ffmpeg, the program, is started here and nowhere else.
"""

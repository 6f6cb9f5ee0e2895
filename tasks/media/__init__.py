"""Pictures and sound: the only room that imports av and ffmpeg-python and starts ffmpeg."""

"""Generated footage: the clips that the simulator returns in place of a model's video.

renderer       frames and clips from a ClipSpec
pool           worker threads that render the files of jobs
scenes         the scene of a prompt: place, subject, layers; drawn by landscapes and interiors
camera         camera moves
overlays       particles, slate and watermark
soundtrack     audio
colour         palettes, colour mixing, RGB to YUV
drawing        canvas and noise, used by all of the drawing modules

Apart from `pool`, nothing here depends on jobs, vendors or HTTP. The same ClipSpec gives the same
bytes.
"""

"""Generated footage: the clips that the simulator returns in place of a model's video.

renderer       frames and clips from a ClipSpec
pool           worker threads that render the files of jobs
scenes         the layers of a prompt's picture, drawn by backdrops and silhouettes
breakdown      what a prompt asks for, by the words of keywords.txt
staging        who and what stands where, and how large, on a stage
silhouettes    people and things as shapes; those of the things are in things.txt
backdrops      landscapes and interiors
camera         camera moves
overlays       particles, slate, titles and watermark
soundtrack     audio
colour         palettes, colour mixing, RGB to YUV
drawing        canvas and noise, used by all of the drawing modules

Apart from `pool`, nothing here depends on jobs, vendors or HTTP. The same ClipSpec gives the same
bytes.
"""

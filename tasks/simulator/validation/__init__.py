"""Validation of create requests, by the vendors' pages.

body           JSON and multipart forms
parameters     types and ranges of the fields; flags in the text
content        the items of `content` and the mode that they add up to
input_media    images, clips and sounds: URLs, data URIs, uploads
validator      all of it together: a body to a `JobRequest`
"""

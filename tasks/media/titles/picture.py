"""Draws a title: its text with an outline, a shadow or a box, or the picture that it shows.

The result is sRGB with transparency. `layout` decides its place.
"""

from __future__ import annotations

from PIL import Image, ImageColor, ImageDraw, ImageFilter

from tasks.edit import InputFile
from tasks.media.titles.layout import PlacedTitle
from tasks.media.titles.picture_files import load_picture
from tasks.media.titles.style import STYLES, margin_of
from tasks.media.titles.text_block import TextBlock

_OUTLINE, _SHADOW = 0.035, 0.12
"""Width of the outline and of the shadow, as shares of the size of the text."""
_OUTLINE_OPACITY, _SHADOW_OPACITY, _BOX_OPACITY = 0.85, 0.45, 0.75
_DARK, _BRIGHT = (0, 0, 0), (255, 255, 255)
_MIDDLE_GREY = 110


def draw_title(placed: PlacedTitle) -> Image.Image:
    """Return a title as a picture of the size of its box.

    Raises:
        MediaError: The picture of the title can't be decoded.
    """
    title, size = placed.timed.title, (placed.width, placed.height)
    if isinstance(placed.content, InputFile):
        return load_picture(placed.content.path).resize(size, Image.Resampling.LANCZOS)
    canvas = Image.new("RGBA", size)
    margin = margin_of(placed.content.size)
    text = placed.content.draw(title.colour, margin)
    match STYLES[title.place].backing:
        case "box":
            text = Image.alpha_composite(_draw_box(placed.content, margin), text)
        case "outline":
            outline = _draw_outline(text, placed.content.size, title.colour)
            text = Image.alpha_composite(outline, text)
    canvas.paste(text)
    return canvas


def _draw_box(block: TextBlock, margin: int) -> Image.Image:
    """Return a box behind each line; the boxes of all lines are one shape."""
    size = (block.width + 2 * margin, block.height + 2 * margin)
    mask = Image.new("L", size)
    canvas = ImageDraw.Draw(mask)
    for number, width in enumerate(block.widths):
        left = (size[0] - width) // 2 - margin
        top = number * block.line_height + margin // 2
        right, bottom = left + width + 2 * margin - 1, top + block.line_height + margin - 1
        canvas.rounded_rectangle((left, top, right, bottom), margin // 2, fill=255)
    return _fill(mask, _DARK, _BOX_OPACITY)


def _draw_outline(text: Image.Image, size: int, colour: str) -> Image.Image:
    """Return a soft outline and a shadow, dark behind bright text and bright behind dark text."""
    mask = text.getchannel("A")
    red, green, blue = ImageColor.getrgb(colour)[:3]
    is_bright = 0.2126 * red + 0.7152 * green + 0.0722 * blue >= _MIDDLE_GREY
    fill = _DARK if is_bright else _BRIGHT
    width = max(1, round(size * _OUTLINE))
    wide = mask.filter(ImageFilter.MaxFilter(2 * width + 1))
    outline = wide.filter(ImageFilter.GaussianBlur(width / 2))
    shadow = wide.filter(ImageFilter.GaussianBlur(max(1.0, size * _SHADOW)))
    return Image.alpha_composite(
        _fill(shadow, fill, _SHADOW_OPACITY), _fill(outline, fill, _OUTLINE_OPACITY)
    )


def _fill(mask: Image.Image, colour: tuple[int, int, int], opacity: float) -> Image.Image:
    image = Image.new("RGBA", mask.size, colour)
    image.putalpha(mask.point([round(level * opacity) for level in range(256)]))
    return image

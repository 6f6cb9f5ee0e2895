"""Draws the card at the end of a film: a colour, a picture that fits into it, and a text."""

from __future__ import annotations

from PIL import Image, ImageOps

from tasks.edit import CardEdit
from tasks.media.titles.layout import PlacedTitle
from tasks.media.titles.picture import draw_title
from tasks.media.titles.picture_files import load_picture


def draw_card_image(
    card: CardEdit, text: PlacedTitle | None, width: int, height: int
) -> Image.Image:
    """Return a card as an opaque picture of the size of the film.

    Args:
        card: The card.
        text: Its text and the place of it, if it has one.
        width: The width of the film.
        height: The height of the film.

    Raises:
        MediaError: Its picture can't be decoded.
    """
    image = Image.new("RGBA", (width, height), card.background)
    if card.image:
        picture = load_picture(card.image.path)
        picture = ImageOps.contain(picture, (width, height), Image.Resampling.LANCZOS)
        corner = ((width - picture.width) // 2, (height - picture.height) // 2)
        image.alpha_composite(picture, corner)
    if text:
        image.alpha_composite(draw_title(text), (text.x, text.y))
    return image

"""Draws the card at the end of a film: a colour, a picture that fits into it, and a text."""

from __future__ import annotations

from PIL import Image, ImageOps

from storyboards.terminal_text import quote
from tasks.edit import CardEdit
from tasks.errors import MediaError
from tasks.media.picture_files import load_picture
from tasks.media.safe_areas import find_safe_area
from tasks.media.text_block import TextBlock
from tasks.media.title_fonts import choose_fonts
from tasks.media.title_layout import LayoutProblem, find_text_problem, fit_into
from tasks.media.title_picture import draw_text
from tasks.media.title_style import STYLES, margin_of
from tasks.media.title_times import Origin


def lay_out_card(
    card: CardEdit, width: int, height: int
) -> tuple[TextBlock | None, LayoutProblem | None]:
    """Return the text of a card in its size, or the reason why it can't be drawn."""
    if not card.text:
        return None, None
    unit = min(width, height) / 100
    style, origin = STYLES["card"], Origin("card", 0)
    fonts = choose_fonts(card.text)
    if problem := find_text_problem(card.text, fonts):
        return None, LayoutProblem(origin, *problem)
    largest, smallest = (round(percent * unit) for percent in (style.percent, style.min_percent))
    safe = find_safe_area(width, height).box(width, height)
    block = fit_into(safe, card.text, fonts, (largest, smallest), style)
    if block is None:
        message = (
            f"the card's text {quote(card.text)} does not fit at its smallest size, "
            f"{smallest} pixels"
        )
        return None, LayoutProblem(origin, message, "Make it shorter.")
    return block, None


def draw_card_image(card: CardEdit, width: int, height: int) -> Image.Image:
    """Return a card as an opaque picture of the size of the film.

    Raises:
        MediaError: Its text or its picture can't be drawn.
    """
    block, problem = lay_out_card(card, width, height)
    if problem:
        message = f"{problem.message}. {problem.remedy}"
        raise MediaError(message)
    image = Image.new("RGBA", (width, height), card.background)
    if card.image:
        picture = ImageOps.contain(
            load_picture(card.image.path), (width, height), Image.Resampling.LANCZOS
        )
        image.alpha_composite(
            picture, ((width - picture.width) // 2, (height - picture.height) // 2)
        )
    if block:
        # A plain colour needs no outline.
        plain = block.draw(card.colour, margin_of(block.size))
        text = draw_text(block, card.colour, has_box=False) if card.image else plain
        left, top, right, bottom = find_safe_area(width, height).box(width, height)
        y = bottom - text.height if card.image else (top + bottom - text.height) // 2
        image.alpha_composite(text, ((left + right - text.width) // 2, y))
    return image

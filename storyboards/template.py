"""The small commented board that `shotchain init` writes; it renders unchanged."""

from __future__ import annotations

from storyboards.board import INLINE_NAME, derive_name

_BOARD = """\
# A storyboard for shotchain: the shots of a film, in order.
#
#   shotchain check  FILE     list every problem with its line
#   shotchain plan   FILE     show what will be rendered and what it costs
#   shotchain render FILE     render it; run it again to resume
#
{name}title: {title}
provider: simulator             # local and free; `shotchain providers` lists the others
model: seedance-1.5-pro
# budget: 4.00 USD              # the most that all runs of this board may cost

look:                           # defaults for every shot; a shot may override them
  ratio: 16:9
  resolution: 480p
  seconds: 4
  style: "35mm film, soft morning light, shallow depth of field."

cast:                           # {{fox}} in a prompt expands to this text
  fox:
    is: a young red fox with one white ear

shots:
  - id: wake
    prompt: "{{fox}} wakes up in tall grass and lifts its head. Slow push in."

  # Each shot starts from the last frame of the shot before it: that is the chain.
  - id: follow
    prompt: "{{fox}} follows a blue butterfly along a stream. The camera follows."

  # first_frame: none is a cut: a new chain begins here and renders in parallel.
  - id: night
    first_frame: none
    prompt: "The same meadow under a full moon. {{fox}} looks up. Static wide shot."
"""


def build_template(stem: str) -> str:
    """Return the text of a starter board for a file with this stem."""
    title = "".join(char for char in stem if char.isprintable())
    title = title.replace("-", " ").replace("_", " ").strip()
    quoted = (title[:1].upper() + title[1:]).replace("\\", "\\\\").replace('"', '\\"')
    return _BOARD.format(
        name="" if derive_name(stem) else f"name: {INLINE_NAME}\n",
        title=f'"{quoted or "Untitled"}"',
    )

"""The small commented board that `shotchain init` writes: it checks, plans and renders as it is."""

from __future__ import annotations

from storyboards.board import INLINE_NAME, name_after

_BOARD = """\
# A storyboard for shotchain: the shots of a film, in order.
#
#   shotchain check  FILE     is it right? every problem with its line
#   shotchain plan   FILE     what will be rendered, and what it costs
#   shotchain render FILE     render it; run it again to resume
#
{name}title: {title}
provider: simulator             # local and free; `shotchain providers` lists the others
model: seedance-1.5-pro
# budget: 4.00 USD              # the most this board may ever cost

look:                           # what every shot shares; a shot may say otherwise
  ratio: 16:9
  resolution: 480p
  seconds: 4
  style: "35mm film, soft morning light, shallow depth of field."

cast:                           # {{fox}} in a prompt becomes these words
  fox:
    is: a young red fox with one white ear

shots:
  - id: wake
    prompt: "{{fox}} wakes up in tall grass and lifts its head. Slow push in."

  # Each shot begins with the last frame of the shot before it: that is the chain.
  - id: follow
    prompt: "{{fox}} follows a blue butterfly along a stream. The camera follows."

  # first_frame: none is a cut; a new chain begins here and is rendered side by side.
  - id: night
    first_frame: none
    prompt: "The same meadow under a full moon. {{fox}} looks up. Static wide shot."
"""


def starter(name: str) -> str:
    """The text of a starter board for a file of this stem."""
    title = "".join(character for character in name if character.isprintable())
    title = title.replace("-", " ").replace("_", " ").strip()
    quoted = (title[:1].upper() + title[1:]).replace("\\", "\\\\").replace('"', '\\"')
    return _BOARD.format(
        name="" if name_after(name) else f"name: {INLINE_NAME}\n",
        title=f'"{quoted or "Untitled"}"',
    )

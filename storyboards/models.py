"""The storyboard as values: what an author may write, and nothing about how it is rendered.

Every model is frozen and refuses unknown keys. Units stand in the names of the fields where the
language does not fix them otherwise. The attribute docstrings feed ``storyboard.schema.json``, so
that editors complete and explain. Annotations are evaluated where they stand, for pydantic takes
longer to read them from text.
"""

import re
import unicodedata
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

Ratio = Literal["16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive"]
Resolution = Literal["480p", "720p", "1080p", "4k"]
ServiceTier = Literal["default", "flex"]
ShotId = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", min_length=1, max_length=64)
]
Name = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$", min_length=1, max_length=64)
]
Text = Annotated[str, StringConstraints(pattern=r"\S", max_length=20_000)]
"""Words: at least one that can be seen."""
FileReference = Annotated[str, StringConstraints(pattern=r"\S", max_length=4_000)]
"""A file beside the board, a URL or a provider's own reference."""
ProviderName = Annotated[Text, Field(examples=["simulator"])]
ModelName = Annotated[
    Text,
    Field(
        examples=[
            "seedance-2.5",
            "seedance-2.0",
            "seedance-2.0-fast",
            "seedance-2.0-mini",
            "seedance-1.5-pro",
            "seedance-1.0-pro",
            "seedance-1.0-pro-fast",
            "seedance-1.0-lite",
        ]
    ),
]
# A quoted "5" is text and a bare `no` is a word: the editor's schema says so too.
Integer = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Boolean = Annotated[bool, Field(strict=True)]

_MONEY = re.compile(r"^\s*([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([A-Za-z]{3})?\s*$")


def normalise_name(name: str) -> str:
    """Return a name of a shot, cast member or variable in the form in which names are compared."""
    return unicodedata.normalize("NFC", name.strip())


class FrozenModel(BaseModel):
    """A frozen piece of a storyboard that refuses keys it does not know."""

    # Most are only ever read as parts of a board, which is built once for all of them.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Money(FrozenModel):
    """An amount in one currency, written ``4.00 USD``. Zero may stand without a currency."""

    amount: Annotated[Decimal, Field(ge=0, lt=Decimal(10) ** 12)]
    currency: Annotated[str, StringConstraints(pattern=r"^([A-Z]{3})?$")] = ""

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}".strip()


def parse_money(text: Any) -> Any:
    """``"4.00 USD"`` as amount and currency; anything that is not text is left to the model.

    Raises ValueError where the text is no amount with a three-letter currency.
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        text = str(text)
    if not isinstance(text, str):
        return text
    found = _MONEY.match(text)
    if not found:
        msg = "an amount and a currency are written like 4.00 USD"
        raise ValueError(msg)
    money = Money(amount=Decimal(found[1]), currency=(found[2] or "").upper())
    return require_currency(money)


def require_currency(money: Money) -> Money:
    """The money, where it is nothing or says its currency. Raises ValueError otherwise."""
    if money.amount and not money.currency:
        msg = "the currency is missing; write it behind the amount, like 4.00 USD"
        raise ValueError(msg)
    return money


_WrittenMoney = (
    Annotated[
        str,
        StringConstraints(pattern=r"^ *[0-9]{1,9}(\.[0-9]{1,6})? *[A-Za-z]{3} *$"),
        Field(examples=["4.00 USD"]),
    ]
    | Literal[0]
)
Budget = Annotated[
    Money,
    BeforeValidator(parse_money, json_schema_input_type=_WrittenMoney),
    AfterValidator(require_currency),
]


class Look(FrozenModel):
    """Defaults for every shot. What a shot's model lacks is reported as not used."""

    ratio: Ratio | None = None
    """Width to height of the picture."""
    resolution: Resolution | None = None
    """Size class of the picture; the model and the ratio fix the exact pixels."""
    seconds: Annotated[Integer, Field(ge=1, examples=[5])] | Literal["auto"] | None = None
    """Length of a shot in seconds, or `auto` where the model may decide."""
    audio: Boolean | None = None
    """Sound with the picture, where the model has it. Unset means on."""
    style: Annotated[str, StringConstraints(max_length=20_000)] | None = None
    """Words that are added to every prompt. A shot's own replace them; `""` takes them off."""
    seed: Integer | None = None
    """The number the model's chance starts from."""
    camera_fixed: Boolean | None = None
    """Hold the camera still."""
    watermark: Boolean | None = None
    """The vendor's mark in the picture. Unset means none."""
    draft: Boolean | Literal["final"] | None = None
    """A cheap preview, where the model has drafts; `final` is the full picture of just that one."""
    service_tier: ServiceTier | None = None
    """`flex` is half the price and takes hours, where the model has it."""
    priority: Annotated[Integer, Field(ge=0, le=9)] | None = None
    """Place in the vendor's queue, 0 to 9, where the model has it."""
    execution_expires_after: Integer | None = None
    """Seconds after which the vendor gives an unfinished job up."""
    reseed: Boolean | None = None
    """Try once more with another seed where the vendor's moderation refuses what was rendered."""


class CastMember(FrozenModel):
    """Who or what appears: `{name}` in a prompt expands to the words."""

    is_: Annotated[Text, Field(alias="is", examples=["an old keeper in a yellow raincoat"])]
    """The words that stand for `{name}` in a prompt."""
    images: tuple[FileReference, ...] = ()
    """Pictures handed over where the model takes references."""
    required: Boolean = False
    """An error, not a note, where the images can't be handed over."""

    model_config = ConfigDict(serialize_by_alias=True)


class FromShot(FrozenModel):
    """Start from the last frame of another shot."""

    shot: ShotId
    """The id of the shot to continue."""
    take: Annotated[Integer, Field(ge=1)] | None = None
    """Which take of it; unset is its present one."""


class References(FrozenModel):
    """Pictures, clips and sounds the model may look at and listen to."""

    images: tuple[FileReference, ...] = ()
    """Files, URLs or `asset://` ids of pictures."""
    videos: tuple[FileReference, ...] = ()
    """Files, URLs or `asset://` ids of clips."""
    audio: tuple[FileReference, ...] = ()
    """Files, URLs or `asset://` ids of sounds."""


class Crossfade(FrozenModel):
    """One shot dissolves into the next."""

    crossfade: Annotated[Number, Field(gt=0, le=10)]
    """Seconds both shots are seen."""


Join = Literal["cut"] | Crossfade


class Shot(Look):
    """One clip that is wanted. What it leaves out comes from `look` and from the board."""

    id: ShotId
    """The shot's name: unique in the board, letters, digits, - and _."""
    title: Text | None = None
    """The chapter's title in the film; the id where it is left out."""
    prompt: Annotated[Text, Field(examples=["{keeper} opens the door. Slow push in."])] | None = (
        None
    )
    """What happens in the shot. `{name}` is cast or a variable; `{{` is a brace."""
    provider: ProviderName | None = None
    """Who renders this shot."""
    model: ModelName | None = None
    """A family such as `seedance-1.5-pro`, or a provider's exact id."""
    first_frame: FromShot | Literal["previous", "none"] | FileReference | None = None
    """`previous` (the default from the second shot on), `none`, `{shot: ID}`, a file or a URL."""
    last_frame: FileReference | None = None
    """A file or URL of the picture the shot ends on, where the model takes one."""
    continue_: Annotated[Literal["clip"] | None, Field(alias="continue")] = None
    """`clip`: hand the previous clip, as Video 1, to a model that takes reference video."""
    clip: FileReference | None = None
    """A file that is this shot already: nothing is rendered or paid."""
    references: References | None = None
    """Pictures, clips and sounds to refer to, where the model takes them."""
    frames: Integer | None = None
    """Length in frames (25 + 4n, 29 to 289), where the model has it."""
    take: Annotated[Integer, Field(ge=1)] = 1
    """Raise it to ask for a new picture on purpose."""
    lock: Boolean = False
    """Never render this shot again."""
    transition: Join | None = None
    """How the film comes into this shot; the film's `join` where it is left out."""
    callback_url: Text | None = None
    """Where the vendor reports the job's state."""
    safety_identifier: Annotated[str, StringConstraints(max_length=64)] | None = None
    """A hash that stands for the end user, for the vendor."""
    tools: tuple[Literal["web_search"], ...] = ()
    """What the model may use, where it has it."""

    model_config = ConfigDict(serialize_by_alias=True)


class Music(FrozenModel):
    """A track under the whole film."""

    file: FileReference
    """The sound file, beside the board."""
    gain_db: Number = 0.0
    """Louder or softer, in decibels."""
    duck: Boolean = False
    """Softer while a shot has sound of its own."""


class Film(FrozenModel):
    """How the clips become one film."""

    join: Join = "cut"
    """How one shot comes after another."""
    music: Music | None = None
    """A track under the whole film."""
    loudness: Annotated[str, StringConstraints(pattern=r"^-?[0-9]+(\.[0-9]+)? LUFS$")] | None = None
    """Integrated loudness, written `-16 LUFS`."""
    codec: Literal["h264", "keep"] = "h264"
    """`keep` leaves the clips' codec instead of H.264 8-bit."""


class Storyboard(FrozenModel):
    """What is asked: the shots, their look, their cast and the film they make."""

    name: ShotId | None = None
    """The board's name; the file's stem where it is left out."""
    title: Text | None = None
    """What the film is called."""
    provider: ProviderName = "simulator"
    """Who renders: a row of `shotchain providers`."""
    model: ModelName = "seedance-1.5-pro"
    """A family such as `seedance-1.5-pro`, or a provider's exact id."""
    budget: Budget | None = None
    """The most this board may cost, all runs together, written `4.00 USD`."""
    look: Look = Look()
    """Defaults for every shot."""
    cast: dict[Name, CastMember] = {}
    """Who and what appears."""
    variables: dict[Name, Text] = {}
    """Words that `{name}` in a prompt stands for."""
    shots: Annotated[tuple[Shot, ...], Field(min_length=1, max_length=2000)]
    """The shots in the order of the film."""
    film: Film = Film()
    """How the clips become one film."""

"""The storyboard as values: what an author may write, and nothing about how it is rendered.

Every model is frozen and rejects unknown keys. Units are in the names of the fields unless the
language fixes them otherwise. The attribute docstrings become the descriptions in
``storyboard.schema.json``, which editors show. Annotations are not postponed here: pydantic takes
longer to evaluate them from text.
"""

import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Literal, LiteralString

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic.functional_serializers import PlainSerializer
from pydantic_core import PydanticCustomError

from storyboards.frame_times import MAX_TIME_FRAMES, TIME_PATTERN, format_time, parse_time

MAX_NAME_LENGTH = 64
MAX_ID_LENGTH = 200
"""Of a provider's name and a model's id, which every line of a plan repeats."""
MAX_REFERENCES = 50
"""Of one kind, in a shot or a cast member: Seedance 2.5 takes 50 in all, other models fewer."""
MAX_NAME_BYTES = 120
"""Of a board's name, which becomes the name of its files: file systems take 255 bytes, encrypted
home folders 143, and a suffix is added."""

_RESERVED_NAMES = frozenset(
    {"con", "prn", "aux", "nul", "placed"}
    | {f"{device}{digit}" for device in ("com", "lpt") for digit in "123456789"}
)
"""File names that mean a device on Windows, and the one of the store's own list of films."""

# In a schema, classes such as \p{L} are not portable (Python's jsonschema rejects them), so the
# schema excludes ASCII punctuation and leaves the letters of every script to the loader.
_NOT_A_LETTER = r"\u0000-,./:-@\[-^`{-\u00a0\u2000-\u206f\u3000\ufeff"
_ID_IN_SCHEMA = rf"^[^{_NOT_A_LETTER}_-][^{_NOT_A_LETTER}]*$"
_NAME_IN_SCHEMA = rf"^[^{_NOT_A_LETTER}0-9-][^{_NOT_A_LETTER}]*$"


def normalise_name(name: Any) -> Any:
    """Return the id of a shot or the name of a cast member in the form in which they are compared.

    Anything but text is returned unchanged.
    """
    if not isinstance(name, str) or name.isascii():
        return name
    return unicodedata.normalize("NFC", name)


def is_reserved_name(name: str) -> bool:
    """Return whether a file of this name can't exist on every system."""
    return name.lower() in _RESERVED_NAMES


def check_board_name(name: str) -> str:
    """Return the name if files can be named by it.

    Raises:
        ValueError: If it is reserved or too long.
    """
    if is_reserved_name(name):
        msg = f"`{name}` can't be the name of a file on every system"
        raise ValueError(msg)
    if len(name.encode()) > MAX_NAME_BYTES:
        msg = f"the name is longer than {MAX_NAME_BYTES} bytes in UTF-8"
        raise ValueError(msg)
    return name


def _mismatch() -> PydanticCustomError:
    kind: LiteralString = "string_pattern_mismatch"
    return PydanticCustomError(kind, "the text does not match")


def _matching(pattern: str) -> AfterValidator:
    """Return a validator for text that matches a pattern, as `StringConstraints` has one.

    pydantic compiles each Unicode pattern anew for each field: 25 ms of the start of `check`.
    """
    matches = re.compile(pattern).search

    def check(text: str) -> str:
        if matches(text):
            return text
        raise _mismatch()

    return AfterValidator(check)


def _one_of(*values: float) -> Callable[[float], float]:
    """Return a validator for a number that is one of these, as a `Literal` of texts has one."""
    kind: LiteralString = "literal_error"
    expected = " or ".join(", ".join(f"{value:g}" for value in values).rsplit(", ", 1))

    def check(number: float) -> float:
        if number in values:
            return number
        raise PydanticCustomError(kind, "the number is another", {"expected": expected})

    return check


def _starting_with(is_first: Callable[[str], bool]) -> AfterValidator:
    """Return a validator for names of letters, digits, marks, `_` and `-` of any script."""

    def check(name: str) -> str:
        is_word = _PLAIN_WORD.fullmatch(name) or all(map(_is_word_char, name))
        if is_first(name[:1]) and is_word:
            return name
        raise _mismatch()

    return AfterValidator(check)


_PLAIN_WORD = re.compile(r"[\w-]*")
"""A name without combining marks, as nearly all are: a search takes less than a loop."""


def _is_word_char(char: str) -> bool:
    """Return whether a character is a letter, a digit, a combining mark, - or _."""
    return char in "_-" or char.isalnum() or unicodedata.category(char)[0] in "LMN"


Ratio = Literal["16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive"]
Resolution = Literal["480p", "720p", "1080p", "4k"]
ServiceTier = Literal["default", "flex"]
ShotId = Annotated[
    str,
    BeforeValidator(normalise_name),
    StringConstraints(min_length=1, max_length=MAX_NAME_LENGTH),
    _starting_with(lambda first: first.isalnum() or unicodedata.category(first)[0] in "LN"),
    Field(json_schema_extra={"pattern": _ID_IN_SCHEMA}),
]
BoardName = Annotated[ShotId, AfterValidator(check_board_name)]
Name = Annotated[
    str,
    BeforeValidator(normalise_name),
    StringConstraints(min_length=1, max_length=MAX_NAME_LENGTH),
    _starting_with(lambda first: first == "_" or unicodedata.category(first)[0] == "L"),
    Field(json_schema_extra={"pattern": _NAME_IN_SCHEMA}),
]
Text = Annotated[
    str,
    StringConstraints(max_length=20_000),
    _matching(r"\S"),
    Field(json_schema_extra={"pattern": r"\S"}),
]
"""Text with at least one visible character."""
Title = Annotated[Text, Field(max_length=1_000)]
FilmText = Annotated[Text, Field(max_length=1_000)]
"""A text that is drawn into the film."""
FileReference = Annotated[
    str,
    StringConstraints(max_length=4_000),
    _matching(r"\S"),
    Field(json_schema_extra={"pattern": r"\S"}),
]
"""A file beside the board, a URL or a provider's own reference."""
FileReferences = Annotated[tuple[FileReference, ...], Field(max_length=MAX_REFERENCES)]
ProviderName = Annotated[Text, Field(max_length=MAX_ID_LENGTH)]
ModelName = Annotated[Text, Field(max_length=MAX_ID_LENGTH)]
# Strict, as in the editor's schema: a quoted "5" is text and a bare `no` is a word.
Integer = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Boolean = Annotated[bool, Field(strict=True)]
_FramesInSchema = Annotated[str, StringConstraints(pattern=TIME_PATTERN), Field(examples=["12f"])]
_TimeInSchema = Annotated[float, Field(ge=0)] | _FramesInSchema
_DurationInSchema = Annotated[float, Field(gt=0)] | _FramesInSchema
Time = Annotated[
    int,
    Field(strict=True, ge=0, le=MAX_TIME_FRAMES),
    BeforeValidator(parse_time, json_schema_input_type=_TimeInSchema),
    PlainSerializer(format_time, return_type=str),
]
"""A time as a number of frames, written in seconds (`1.5`) or frames (`36f`)."""
Duration = Annotated[
    int,
    Field(strict=True, ge=1, le=MAX_TIME_FRAMES),
    BeforeValidator(parse_time, json_schema_input_type=_DurationInSchema),
    PlainSerializer(format_time, return_type=str),
]
"""A time that is not zero."""

LOUDNESS_PATTERN = r"^ *(-[0-9]{1,2}(?:\.[0-9]{1,2})?) *(?:LUFS|LKFS) *$"
"""The A/85 of America writes the same unit as LKFS."""
LANGUAGE_TAG = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*"

_MONEY = re.compile(r"^\s*([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([A-Za-z]{3})?\s*$")


class FrozenModel(BaseModel):
    """A frozen part of a storyboard that rejects unknown keys."""

    # Most models are only read as parts of a board, which is built once for all of them.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Money(FrozenModel):
    """An amount in one currency, written ``4.00 USD``. Zero needs no currency."""

    amount: Annotated[Decimal, Field(ge=0, lt=Decimal(10) ** 12)]
    currency: Annotated[str, StringConstraints(pattern=r"^([A-Z]{3})?$")] = ""

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}".strip()


def parse_money(text: Any) -> Any:
    """Parse ``"4.00 USD"`` into amount and currency; leave anything but text to the model.

    Raises:
        ValueError: If the text is not an amount with a three-letter currency.
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        text = str(text)
    if not isinstance(text, str):
        return text
    match = _MONEY.match(text)
    if not match:
        msg = "an amount and a currency are written like 4.00 USD"
        raise ValueError(msg)
    money = Money(amount=Decimal(match[1]), currency=(match[2] or "").upper())
    return require_currency(money)


def require_currency(money: Money) -> Money:
    """Return the money if it is zero or has a currency.

    Raises:
        ValueError: If the currency is missing.
    """
    if money.amount and not money.currency:
        msg = "the currency is missing; write it after the amount, like 4.00 USD"
        raise ValueError(msg)
    return money


def parse_loudness(text: str) -> float:
    """Return the LUFS of a text that matches `LOUDNESS_PATTERN`."""
    return float(text.split("L", 1)[0])


_MoneyInSchema = (
    Annotated[
        str,
        StringConstraints(pattern=r"^ *[0-9]{1,9}(\.[0-9]{1,6})? *[A-Za-z]{3} *$"),
        Field(examples=["4.00 USD"]),
    ]
    | Literal[0]
)
Budget = Annotated[
    Money,
    BeforeValidator(parse_money, json_schema_input_type=_MoneyInSchema),
    AfterValidator(require_currency),
]


class Look(FrozenModel):
    """Defaults for every shot. A value that a shot's model lacks is reported as not used."""

    ratio: Ratio | None = None
    """Width to height of the picture."""
    resolution: Resolution | None = None
    """Size class of the picture; the model and the ratio determine the exact pixels."""
    seconds: Annotated[Integer, Field(ge=1, examples=[5])] | Literal["auto"] | None = None
    """Length of a shot in seconds; with `auto` the model decides, if it can."""
    audio: Boolean | None = None
    """Render sound with the picture, if the model can. On by default."""
    style: Annotated[str, StringConstraints(max_length=20_000)] | None = None
    """Text that is added to every prompt. A shot's own style replaces it; `""` removes it."""
    seed: Integer | None = None
    """The seed of the model's random numbers."""
    camera_fixed: Boolean | None = None
    """Hold the camera still."""
    watermark: Boolean | None = None
    """Show the vendor's watermark in the picture. Off by default."""
    draft: Boolean | Literal["final"] | None = None
    """`true` renders a cheap preview, if the model has drafts; `final` renders its full picture."""
    service_tier: ServiceTier | None = None
    """`flex` is half the price and takes hours, if the model has it."""
    priority: Annotated[Integer, Field(ge=0, le=9)] | None = None
    """Place in the vendor's queue, 0 to 9, if the model has priorities."""
    execution_expires_after: Integer | None = None
    """Seconds after which the vendor cancels an unfinished job."""
    reseed: Boolean | None = None
    """Try once more with another seed if the vendor's moderation rejects the rendered clip."""


class CastMember(FrozenModel):
    """A person or thing that appears: `{name}` in a prompt expands to the text."""

    text: Annotated[Text, Field(alias="is", examples=["an old keeper in a yellow raincoat"])]
    """The text that replaces `{name}` in a prompt."""
    images: FileReferences = ()
    """Pictures that are sent if the model takes references."""
    required: Boolean = False
    """Report an error, not a note, if the images can't be sent."""

    model_config = ConfigDict(serialize_by_alias=True)


class FromShot(FrozenModel):
    """Start from the last frame of another shot."""

    shot: ShotId
    """The id of the shot to continue."""
    take: Annotated[Integer, Field(ge=1)] | None = None
    """The take of that shot; its current take by default."""


class References(FrozenModel):
    """Pictures, clips and sounds that the model may use."""

    images: FileReferences = ()
    """Files, URLs or `asset://` ids of pictures."""
    videos: FileReferences = ()
    """Files, URLs or `asset://` ids of clips."""
    audio: FileReferences = ()
    """Files, URLs or `asset://` ids of sounds."""


class Select(FrozenModel):
    """A range of a take that the film shows."""

    take: Annotated[Integer, Field(ge=1)] | None = None
    """The number of a recorded take; the current take by default."""
    start: Annotated[Time | None, Field(alias="from")] = None
    """The in point: the first frame that is shown; the beginning of the clip by default."""
    end: Annotated[Time | None, Field(alias="to")] = None
    """The out point: the first frame that is not shown any more; the end of the clip by default.
    A shot that continues this one starts on it."""

    model_config = ConfigDict(serialize_by_alias=True)


class Crossfade(FrozenModel):
    """One shot dissolves into the next."""

    crossfade: Annotated[Duration, Field(le=240)]
    """The time during which both shots are visible, up to 10 seconds."""


class Dip(FrozenModel):
    """One shot fades out to a colour, and the next one fades in from it."""

    dip: Literal["black", "white"]
    """The colour between the shots."""
    length: Annotated[Duration, Field(ge=2, le=240)] = 24
    """The time of both fades together, up to 10 seconds; a second by default."""


Join = Literal["cut"] | Crossfade | Dip

Place = Literal["upper", "center", "lower", "legal"]
Colour = Annotated[
    str,
    _matching(r"^#[0-9a-fA-F]{6}$"),
    Field(json_schema_extra={"pattern": r"^#[0-9a-fA-F]{6}$"}, examples=["#ffffff"]),
]


class OnScreenTitle(FrozenModel):
    """A text or picture over the shot, drawn into the film and never generated."""

    text: FilmText | None = None
    """The text; `{name}` is a variable, and a line break begins a new line."""
    image: FileReference | None = None
    """A picture with transparency, in place of the text."""
    start: Annotated[Time, Field(alias="in")] = 0
    """The time at which it appears, from the beginning of the shot in the film."""
    end: Annotated[Time | None, Field(alias="out")] = None
    """The time at which it disappears; the end of the shot by default."""
    place: Place = "lower"
    """The place within the safe area; `legal` is small, at the bottom."""
    font: FileReference | None = None
    """A font file beside the board; by default the font of shotchain."""
    size: Annotated[Number, Field(gt=0, le=50)] | None = None
    """Height of the text, or of the picture, in percent of the film's height."""
    colour: Colour = "#ffffff"
    """Colour of the text in sRGB, written #rrggbb."""
    fade: Annotated[Time, Field(le=48)] = 6
    """The time it takes to appear and to disappear."""

    model_config = ConfigDict(serialize_by_alias=True)


OnScreenTitles = Annotated[tuple[OnScreenTitle, ...], Field(min_length=1, max_length=50)]
Focus = tuple[
    Annotated[Number, Field(ge=0, le=1)],
    Annotated[Number, Field(ge=0, le=1)],
]


class Shot(Look):
    """One clip of the film. What a shot leaves out comes from `look` and from the board."""

    id: ShotId
    """The shot's name, unique in the board: letters of any script, digits, - and _."""
    title: Title | OnScreenTitle | OnScreenTitles | None = None
    """A text is the chapter's title, the id by default; keys draw a title into the film."""
    use: Annotated[tuple[Select, ...], Field(min_length=1, max_length=50)] | None = None
    """The ranges of takes that the film shows, in this order; the whole current take by default."""
    focus: Focus | None = None
    """The point of interest that a crop keeps: shares of width and height, `[0.5, 0.5]` the
    centre."""
    prompt: Annotated[Text, Field(examples=["{keeper} opens the door. Slow push in."])] | None = (
        None
    )
    """The events of the shot. `{name}` is cast or a variable; `{{` is a brace."""
    provider: ProviderName | None = None
    """The provider that renders this shot."""
    model: ModelName | None = None
    """A family such as `seedance-1.5-pro`, or a provider's exact id."""
    first_frame: FromShot | Literal["previous", "none"] | FileReference | None = None
    """`previous` (the default from the second shot on), `none`, `{shot: ID}`, a file or a URL."""
    last_frame: FileReference | None = None
    """A file or URL of the picture the shot ends on, if the model takes one."""
    continues: Annotated[Literal["clip"] | None, Field(alias="continue")] = None
    """`clip`: send the previous clip, as Video 1, to a model that takes reference video."""
    clip: FileReference | None = None
    """A file that is this shot already: nothing is rendered or paid."""
    references: References | None = None
    """Pictures, clips and sounds to refer to, if the model takes them."""
    frames: Integer | None = None
    """Length in frames (25 + 4n, 29 to 289), if the model takes it."""
    take: Annotated[Integer, Field(ge=1)] = 1
    """Increase it to render a new picture on purpose."""
    lock: Boolean = False
    """Never render this shot again."""
    transition: Join | None = None
    """The transition into this shot; the film's `join` by default."""
    callback_url: FileReference | None = None
    """The URL to which the vendor reports the job's state."""
    safety_identifier: Annotated[str, StringConstraints(max_length=64)] | None = None
    """A hash that identifies the end user to the vendor."""
    tools: tuple[Literal["web_search"], ...] = ()
    """Tools that the model may use, if it has them."""

    model_config = ConfigDict(serialize_by_alias=True)

    @property
    def chapter_title(self) -> str:
        """The title of its chapter in the film."""
        return self.title if isinstance(self.title, str) else self.id

    @property
    def on_screen_titles(self) -> tuple[OnScreenTitle, ...]:
        """The titles that are drawn into the film."""
        if isinstance(self.title, OnScreenTitle):
            return (self.title,)
        return self.title if isinstance(self.title, tuple) else ()


class Music(FrozenModel):
    """A track under the whole film."""

    file: FileReference
    """The sound file, beside the board."""
    gain_db: Annotated[Number, Field(ge=-60, le=20)] = 0.0
    """Gain in decibels: positive is louder."""
    start: Annotated[Time, Field(alias="from")] = 0
    """The position in the file at which the music begins."""
    duck: Boolean = False
    """Lower the music under speech and the shots' own sound."""
    fade_in: Time = 0
    """The time the music takes to reach its level at the beginning of the film."""
    fade_out: Time = 24
    """The time the music takes to end with the film."""
    loop: Boolean = False
    """Repeat the music until the film ends."""

    model_config = ConfigDict(serialize_by_alias=True)


class Voice(FrozenModel):
    """A recorded voice over a shot, or over the film."""

    file: FileReference
    """The sound file, beside the board."""
    at: Time = 0
    """The time at which it begins, from the beginning of the shot or of the film."""
    gain_db: Annotated[Number, Field(ge=-60, le=20)] = 0.0
    """Gain in decibels: positive is louder."""


Loudness = Annotated[
    str,
    StringConstraints(pattern=LOUDNESS_PATTERN),
    Field(examples=["-14 LUFS"]),
]


class LoudnessTarget(FrozenModel):
    """The loudness of the film, with its limits."""

    target: Loudness
    """Integrated loudness, written `-16 LUFS`."""
    peak_db: Annotated[Number, Field(ge=-9, le=0)] = -1.0
    """The highest true peak in dBTP."""
    max_gain_db: Annotated[Number, Field(ge=0, le=60)] = 20.0
    """The most that the sound may be raised; a film that needs more is not made."""


class Captions(FrozenModel):
    """The text of what is spoken, as a file beside the film and a track or pictures in it."""

    file: FileReference | None = None
    """An SRT or VTT file beside the board."""
    dialogue: Boolean = False
    """Take the text from the quoted dialogue in the prompts, in place of a file."""
    burn: Boolean = False
    """Draw the text into the picture, instead of a track that viewers switch on."""
    language: Annotated[
        str, StringConstraints(pattern=rf"^({LANGUAGE_TAG}|\{{[^{{}}]+\}})$", max_length=100)
    ] = "en"
    """Language of the text, as in `en` or `zh-Hans`, or the variable with it: `{lang}`."""


class Card(FrozenModel):
    """A still picture at the end of the film: the end card."""

    image: FileReference | None = None
    """A picture, which fills the frame."""
    text: FilmText | None = None
    """The text on the card, over the picture or over the colour."""
    background: Colour = "#000000"
    """Colour of a card without a picture, and around a picture of another shape."""
    colour: Colour = "#ffffff"
    """Colour of the text."""
    seconds: Annotated[Duration, Field(le=720)] = 48
    """The time it is shown; two seconds by default."""
    transition: Join = "cut"
    """The transition into it."""


class LegalLine(FrozenModel):
    """Small print at the bottom of the safe area."""

    text: FilmText
    """The text; `{name}` is a variable."""
    start: Annotated[Time, Field(alias="in")] = 0
    """The time at which it appears, from the beginning of the film."""
    end: Annotated[Time | None, Field(alias="out")] = None
    """The time at which it disappears; the end of the film by default."""

    model_config = ConfigDict(serialize_by_alias=True)


Rate = Annotated[
    Number,
    AfterValidator(_one_of(24, 23.976, 25, 29.97)),
    Field(json_schema_extra={"enum": [24, 23.976, 25, 29.97]}),
]


class Film(FrozenModel):
    """Settings for joining the clips into one film. None of them changes what is rendered."""

    join: Join = "cut"
    """The transition between shots."""
    fade_in: Annotated[Time, Field(le=240)] = 0
    """The time in which the film appears from black."""
    fade_out: Annotated[Time, Field(le=240)] = 0
    """The time in which the film fades to black at its end."""
    music: Music | None = None
    """A track under the whole film."""
    # From left to right: {file: FILE} is a voice and not that of a shot `file`.
    voice: Annotated[
        FileReference | Voice | dict[ShotId, FileReference | Voice] | None,
        Field(union_mode="left_to_right"),
    ] = None
    """A recorded voice: one file over the film, or files by the id of the shot."""
    loudness: Loudness | LoudnessTarget | None = None
    """Integrated loudness of the finished film, written `-16 LUFS`."""
    captions: Captions | None = None
    """The text of what is spoken."""
    card: Card | None = None
    """A still picture at the end of the film."""
    legal: FilmText | LegalLine | None = None
    """Small print at the bottom of the safe area, over the whole film by default."""
    codec: Literal["h264", "keep", "prores", "dnxhr"] = "h264"
    """`keep` keeps the clips' codec; `prores` and `dnxhr` are masters for editing, as MOV."""
    rate: Rate = 24
    """Frames per second of the film: 24, 23.976, 25 or 29.97."""
    stems: Boolean = False
    """Write music, voice and clip sound as separate WAV files beside the film."""


_SHAPE = r"^[1-9][0-9]{0,2}:[1-9][0-9]{0,2}$"
Levels = Annotated[Number, Field(ge=0, le=255)]
Percent = Annotated[Number, Field(ge=0, le=100)]


class Quality(FrozenModel):
    """The limits of `shotchain qc`. Only `stop` has an effect on what is rendered."""

    seam: Levels = 3.0
    """The difference of the two pictures at a chained seam, in mean levels of luma (0 to 255)."""
    luma: Levels = 1.5
    """The step of the mean luma at a chained seam, in levels."""
    chroma: Levels = 1.5
    """The step of the mean of a chroma component at a chained seam, in levels."""
    sharpness: Percent = 40.0
    """The sharpness that is lost or gained at a chained seam, in percent."""
    drift: Levels = 3.0
    """The change of the luma along a chain, in levels."""
    black: Duration = 6
    """The length from which a black stretch of a shot is reported."""
    frozen: Duration = 10
    """The length from which a stretch of a shot without any movement is reported."""
    flash: Annotated[Number, Field(ge=0, le=12)] = 3.0
    """Flashes within a second, by ITU-R BT.1702; more of them are reported."""
    cuts: Boolean = False
    """Allow cuts inside of shots, as for prompts that ask for several views."""
    clipping: Percent = 20.0
    """The part of a picture that may have a colour at its maximum, in percent."""
    full_scale: Annotated[Integer, Field(ge=0, le=4000)] = 10
    """The samples of a frame, of 2000 in each channel, that may be at full scale."""
    silence: Duration = 48
    """The length from which a silent stretch of a shot with sound is reported."""
    stop: Boolean = False
    """Render nothing that continues a shot beyond a limit, until it is retaken or the limit is
    raised. Each shot then waits for the whole clip before it."""


VersionRatio = Annotated[
    str,
    _matching(_SHAPE),
    Field(json_schema_extra={"pattern": _SHAPE}, examples=["9:16"]),
]


class VersionShot(FrozenModel):
    """A shot of a version with ranges of its own."""

    id: ShotId
    """The id of a shot of the board."""
    use: Annotated[tuple[Select, ...], Field(min_length=1, max_length=50)] | None = None
    """The ranges of takes that the version shows; those of the board by default."""
    focus: Focus | None = None
    """The point of interest that a crop keeps; that of the board by default."""


class Version(FrozenModel):
    """Another film from the same board: in another shape, length or language."""

    name: Annotated[Text, Field(max_length=MAX_ID_LENGTH, examples=["{board}-{ratio}-{lang}"])]
    """The name of the film's file. `{board}`, `{ratio}`, `{length}` and variables are replaced."""
    ratio: VersionRatio | None = None
    """Width to height; that of the board by default."""
    fit: Literal["crop", "pad", "render"] = "crop"
    """The way the picture gets another shape: cut off, with bars, or rendered again for a price."""
    length: Duration | None = None
    """The exact length; the shots of the version must be at least as long."""
    shots: (
        Annotated[tuple[ShotId | VersionShot, ...], Field(min_length=1, max_length=2000)] | None
    ) = None
    """The shots of the version, in this order; all by default."""
    variables: Annotated[dict[Name, Text], Field(alias="set")] = {}
    """Values of variables, which replace those of the board."""
    csv: FileReference | None = None
    """A CSV file beside the board whose header names variables: one version for each row."""
    film: Film | None = None
    """Settings of `film` that replace those of the board in this version."""

    model_config = ConfigDict(serialize_by_alias=True)


class Storyboard(FrozenModel):
    """A film to make: the shots, their look, their cast, and how they are joined."""

    name: BoardName | None = None
    """The board's name; the stem of its file by default."""
    title: Title | None = None
    """The title of the film."""
    provider: ProviderName = "simulator"
    """The provider that renders: a row of `shotchain providers`."""
    model: ModelName = "seedance-1.5-pro"
    """A family such as `seedance-1.5-pro`, or a provider's exact id."""
    budget: Budget | None = None
    """The most this board may cost, all runs together, written `4.00 USD`."""
    look: Look = Field(default_factory=Look.model_construct)
    """Defaults for every shot."""
    cast: dict[Name, CastMember] = {}
    """People and things that appear in the film."""
    variables: dict[Name, Text] = {}
    """Texts that replace `{name}` in a prompt."""
    shots: Annotated[tuple[Shot, ...], Field(min_length=1, max_length=2000)]
    """The shots in the order of the film."""
    film: Film = Field(default_factory=Film.model_construct)
    """Settings for joining the clips into one film."""
    qc: Quality | None = None
    """Limits for the pictures and the sound of the shots; `shotchain qc` has default ones."""
    versions: Annotated[tuple[Version, ...], Field(max_length=200)] = ()
    """Other films from the same board: in other shapes, lengths or languages."""

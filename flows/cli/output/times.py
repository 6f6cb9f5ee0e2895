"""Times and sizes for people; times are in the zone of the machine, which is named once."""

from __future__ import annotations

from datetime import datetime


def format_moment(moment: datetime, now: datetime) -> str:
    """Return a time in the local zone: `12:03`, `28 Nov 12:03` or `28 Nov 2025`.

    Args:
        moment: A time with a zone.
        now: The present time with a zone; the parts that both have in common are left out.
    """
    local, today = moment.astimezone(), now.astimezone()
    if local.date() == today.date():
        return f"{local:%H:%M}"
    if local.year == today.year:
        return f"{local.day} {local:%b %H:%M}"
    return f"{local.day} {local:%b %Y}"


def format_day(moment: datetime) -> str:
    """Return the day of a time in the local zone, such as `Sun 29 Nov 2026`."""
    local = moment.astimezone()
    return f"{local:%a} {local.day} {local:%b %Y}"


def format_clock(moment: datetime) -> str:
    """Return the time of day in the local zone, to the second."""
    return f"{moment.astimezone():%H:%M:%S}"


def describe_zone(now: datetime) -> str:
    """Return the local zone, such as `CET (UTC+01:00)`."""
    local = now.astimezone()
    name, offset = f"{local:%Z}", f"{local:%z}"
    return name if name == "UTC" else f"{name} (UTC{offset[:3]}:{offset[3:5]})"


def format_size(size_bytes: int) -> str:
    """Return a number of bytes in the unit that suits it, such as `672 kB`."""
    if size_bytes < 1_000_000:
        return f"{size_bytes / 1000:.0f} kB" if size_bytes >= 1000 else f"{size_bytes} bytes"
    return f"{size_bytes / 1_000_000:.1f} MB"


def format_span(seconds: float) -> str:
    """Return a length of time in its two largest units, such as `6d 21h`; `0 min` at least."""
    minutes = max(int(seconds // 60), 0)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours}h"
    return f"{hours}h {minutes}m" if hours else f"{minutes} min"

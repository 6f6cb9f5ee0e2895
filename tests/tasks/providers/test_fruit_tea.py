"""The example of powertokens' page: our board of it, sent there, is what the page shows."""

from __future__ import annotations

import re
from pathlib import Path

from storyboards import parse
from tasks.planning.planner import make_plan
from tasks.providers import PROVIDERS
from tasks.providers.client import Client
from tasks.providers.dialects import DIALECTS
from tasks.submission.payload import attach_media

BOARD = Path(__file__).parents[3] / "storyboards" / "fruit-tea.yaml"
PLACE = "https://ark-project.tos-cn-beijing.volces.com"
URLS = {
    "refs/tea-apple.jpg": f"{PLACE}/doc_image/r2v_tea_pic1.jpg",
    "refs/tea-cup.jpg": f"{PLACE}/doc_image/r2v_tea_pic2.jpg",
    "refs/tea-hands.mp4": f"{PLACE}/doc_video/r2v_tea_video1.mp4",
    "refs/tea-beat.mp3": f"{PLACE}/doc_audio/r2v_tea_audio1.mp3",
}


def test_with_the_page_s_own_urls_the_order_is_the_page_s(tmp_path) -> None:
    """Model, words, roles in their order, sound, ratio and length; resolution said explicitly."""
    text = BOARD.read_text()
    for file, url in URLS.items():
        text = re.sub(rf"(?<=[\[ ]){re.escape(file)}(?=[\],])", url, text)
    board = parse(text.encode(), file="fruit-tea.yaml", folder=tmp_path)
    shot = make_plan(board, provider="powertokens").shots[0]
    row = PROVIDERS["powertokens"]
    client = Client(row, DIALECTS[row.dialect], api_key=None)
    body = client.dialect.build_create(attach_media(shot, shot.request, None, client)).json

    assert body["model"] == "dreamina-seedance-2-0-260128"
    words, *media = body["content"]
    assert words["text"].startswith("Use the first-person perspective composition of Video 1")
    assert words["text"].endswith("Background voice is uniformly female voice.")
    assert [(one["role"], one[one["type"]]["url"]) for one in media] == list(
        zip(
            ("reference_image", "reference_image", "reference_video", "reference_audio"),
            URLS.values(),
            strict=True,
        )
    )
    said = {name: body[name] for name in ("generate_audio", "ratio", "duration", "watermark")}
    assert said == {"generate_audio": True, "ratio": "16:9", "duration": 11, "watermark": False}
    assert "service_tier" not in body
    assert "seed" not in body

"""The example of powertokens' page: our storyboard of it, encoded, matches the page's request."""

from __future__ import annotations

import re
from pathlib import Path

from storyboards import parse
from tasks.plan import ShotToRender
from tasks.planning.planner import make_plan
from tasks.providers import PROVIDERS
from tasks.providers.client import Client
from tasks.providers.dialects import DIALECTS
from tasks.submission.payload import attach_media

BOARD = Path(__file__).parents[3] / "storyboards" / "fruit-tea.yaml"
BUCKET = "https://ark-project.tos-cn-beijing.volces.com"
URLS = {
    "refs/tea-apple.jpg": f"{BUCKET}/doc_image/r2v_tea_pic1.jpg",
    "refs/tea-cup.jpg": f"{BUCKET}/doc_image/r2v_tea_pic2.jpg",
    "refs/tea-hands.mp4": f"{BUCKET}/doc_video/r2v_tea_video1.mp4",
    "refs/tea-beat.mp3": f"{BUCKET}/doc_audio/r2v_tea_audio1.mp3",
}


def test_fruit_tea_board_matches_vendor_example(tmp_path: Path) -> None:
    """With the page's URLs: model, prompt, roles in order, sound, ratio and duration."""
    text = BOARD.read_text()
    for file, url in URLS.items():
        text = re.sub(rf"(?<=[\[ ]){re.escape(file)}(?=[\],])", url, text)
    board = parse(text.encode(), file="fruit-tea.yaml", folder=tmp_path)
    shot = make_plan(board, provider="powertokens").shots[0]
    provider = PROVIDERS["powertokens"]
    assert isinstance(shot, ShotToRender)
    client = Client(provider, DIALECTS[provider.dialect], api_key=None)

    body = client.dialect.build_create(attach_media(shot, shot.request, None, client)).json

    assert body is not None
    assert body["model"] == "dreamina-seedance-2-0-260128"
    prompt, *media = body["content"]
    assert prompt["text"].startswith("Use the first-person perspective composition of Video 1")
    assert prompt["text"].endswith("Background voice is uniformly female voice.")
    roles = ("reference_image", "reference_image", "reference_video", "reference_audio")
    assert [(item["role"], item[item["type"]]["url"]) for item in media] == list(
        zip(roles, URLS.values(), strict=True)
    )
    params = {name: body[name] for name in ("generate_audio", "ratio", "duration", "watermark")}
    assert params == {"generate_audio": True, "ratio": "16:9", "duration": 11, "watermark": False}
    assert "service_tier" not in body
    assert "seed" not in body

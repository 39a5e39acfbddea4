"""Pages of texts that were written to be run: in a real browser no script runs and no request leaves."""

from __future__ import annotations

import http.server
import json
import re
import threading

import numpy as np
import pytest

from segkit.report.data_page import DataPage, data_page, shown_mask
from segkit.report.html import page_environment
from segkit.report.writer import write_report

OWNED = "taken-over"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8) + b"\0\0\0\x01\0\0\0\x01" + bytes(9)
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


@pytest.fixture
def visits():
    """The requests that arrive at a server of this machine, and its address."""
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield seen, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def texts(address: str) -> list[str]:
    """What runs, or asks for something, where a page takes it for its own."""
    run = f"document.title='{OWNED}'"
    return [
        f"<script>{run}</script>",
        f"</script><script>{run}</script>",
        f'<img src=x onerror="{run}">',
        f'" onmouseover="{run}" autofocus onfocus="{run}" x="',
        f'<svg onload="{run}"><image href="{address}/svg"/></svg>',
        f"<style>@import url({address}/style); body {{ background: url({address}/background) }}</style>",
        f"<link rel=stylesheet href={address}/link><base href={address}/>",
        f'<iframe src="javascript:parent.{run}"></iframe><iframe srcdoc="<script>parent.{run}</script>"></iframe>',
        f'<meta http-equiv=refresh content="0;url={address}/refresh"><object data={address}/object></object>',
        f"{{{{ {run} }}}} ${{{run}}} javascript:{run}",
        f"\u2028{run}\u2029</title><img src={address}/title>",
    ]


@pytest.mark.full
def test_hostile_texts_neither_run_nor_ask(tmp_path, run_writer, pictures, visits, dumped_page):
    """Class names, case ids, the run's name, the dataset's homepage and words of the environment."""
    seen, address = visits
    hostile = texts(address)
    folder = run_writer(
        tmp_path / "run",
        cases=len(hostile),
        classes=tuple(hostile[:4]),
        name=hostile[1],
        homepage=f"javascript:document.title='{OWNED}'",
        case_id=lambda number: hostile[number % len(hostile)] + str(number),
    )
    environment = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    environment["device"] = hostile[0]
    (folder / "environment.json").write_text(json.dumps(environment), encoding="utf-8")
    page = write_report(folder, pictures)
    found = dumped_page(page)
    title = found.split("<title>")[1].split("</title>")[0]
    assert title != OWNED
    assert "Content-Security-Policy" in found
    assert found.count("<script") == 1
    assert seen == []


def is_quiet(page, dumped_page, seen) -> None:
    """Open a page, and look whether anything of it ran or asked."""
    found = dumped_page(page)
    assert found.split("<title>")[1].split("</title>")[0] != OWNED
    assert POLICY.search(found)
    assert found.count("<script") <= 1
    assert seen == []


def data_page_of(hostile: list[str]) -> str:
    """A page of data all of whose texts are hostile."""
    picture, mask = np.zeros((8, 8, 3), np.uint8), np.eye(8, dtype=np.uint8)
    return data_page(
        DataPage(
            title=hostile[0],
            generated=False,
            colours=[(text, (1, 2, 3)) for text in hostile],
            notes=list(zip(hostile, reversed(hostile), strict=True)),
            splits=[hostile[:3], hostile[3:6]],
            classes=[hostile[:3], hostile[3:6]],
            problems=list(zip(hostile, reversed(hostile), strict=True)),
            remarks=hostile,
            suspicious=1,
            count=len(hostile),
            cases=[shown_mask(text, text, picture, mask, len(hostile), hostile, text) for text in hostile],
        )
    )


@pytest.mark.full
def test_the_data_page(tmp_path, visits, dumped_page):
    """Classes, cases, notes, problems with what errors say, remarks, reasons."""
    seen, address = visits
    page = tmp_path / "data.html"
    page.write_text(data_page_of(texts(address)), encoding="utf-8")
    is_quiet(page, dumped_page, seen)


@pytest.mark.full
def test_explanations(tmp_path, run_writer, visits, dumped_page):
    """Explainer, target, layer, status, words of evidence, notes, the reason why a case was chosen."""
    seen, address = visits
    hostile = texts(address)
    folder = run_writer(tmp_path / "run", cases=len(hostile), case_id=lambda number: hostile[number])
    maps = [
        {**dict.fromkeys(("explainer", "target", "layer", "status"), text), "notes": {text: text}}
        | {"evidence": {"words": [text]}}
        for text in hostile
    ]
    entries = [
        {"case": text, "label": text, "score": 0.1, "score_name": text, "panel": "a.png", "maps": maps}
        for text in hostile
    ]
    (folder / "explanations").mkdir()
    (folder / "explanations" / "a.png").write_bytes(PNG)
    (folder / "explanations" / "index.json").write_text(json.dumps({"format": 1, "explained": entries}))
    page = write_report(folder, [])
    assert 'id="explanations"' in page.read_text(encoding="utf-8")
    is_quiet(page, dumped_page, seen)


@pytest.mark.full
def test_the_same_texts_run_where_nothing_stops_them(tmp_path, visits, dumped_page, monkeypatch):
    """Without escaping and without the policy they run and ask; with either of the two alone they do not run."""
    seen, address = visits
    hostile = texts(address)
    page = tmp_path / "data.html"
    escaped = data_page_of(hostile)
    environment = page_environment()
    environment.autoescape = False
    monkeypatch.setattr("segkit.report.data_page.page_environment", lambda: environment)
    raw = data_page_of(hostile)
    titles = {}
    for name, content in (("raw", POLICY.sub("", raw)), ("policy", raw), ("escaped", POLICY.sub("", escaped))):
        page.write_text(content, encoding="utf-8")
        titles[name] = dumped_page(page).split("<title>")[1].split("</title>")[0] == OWNED
        titles[f"{name} asked"] = bool(seen)
        seen.clear()
    assert titles["raw"]
    assert titles["raw asked"]
    assert not titles["policy"]
    assert not titles["escaped"]
    assert not titles["escaped asked"]

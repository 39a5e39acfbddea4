"""Pages of texts that were written to be run: in a real browser no script runs and no request leaves."""

from __future__ import annotations

import http.server
import json
import threading

import pytest

from segkit.report import write_report

OWNED = "taken-over"


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

"""The Dagster UI in a real browser: it works behind its guard, other pages do nothing to it."""

from __future__ import annotations

import http.server
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import dagster as dg
import pytest
import requests

from arcadia_cloud_pipelines.dagster_support import table
from arcadia_cloud_pipelines.foreign_text import markdown
from arcadia_cloud_pipelines.operations.supervisor import free_port

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

MUTATION = 'mutation{setConcurrencyLimit(concurrencyKey:"evil",limit:7)}'
PICTURE = f"![](/graphql?query={quote(MUTATION)})"
ATTACK = """
<body><script>
const q = %s;
for (const u of %s) {
  const picture = new Image(); picture.src = u + "?query=" + encodeURIComponent(q);
  for (const type of ["text/plain", "text/plain; application/json",
                      "application/x-www-form-urlencoded"])
    fetch(u, {method: "POST", mode: "no-cors", headers: {"content-type": type},
              body: JSON.stringify({query: q})}).catch(() => 0);
  fetch(u, {method: "POST", headers: {"content-type": "application/json"},
            body: JSON.stringify({query: q})}).catch(() => 0);
  fetch(u + "?query=" + encodeURIComponent(q), {method: "POST", mode: "no-cors"}).catch(() => 0);
  const frame = document.createElement("iframe"); frame.name = u; document.body.append(frame);
  const form = document.createElement("form");
  form.method = "POST"; form.enctype = "text/plain"; form.target = u;
  form.action = u + "?query=" + encodeURIComponent(q); document.body.append(form); form.submit();
  const socket = new WebSocket(u.replace("http", "ws"), "graphql-ws");
  socket.onopen = () => document.body.append("SOCKET-OPEN");
  socket.onerror = () => document.body.append("SOCKET-REFUSED");
}
</script></body>
"""


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of the UI of a real deployment, and its home."""
    home = tmp_path_factory.mktemp("browser") / "home"
    port = free_port()
    environ = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("DO_", "DAGSTER_"))},
        "ARCADIA_HOME": str(home), "ARCADIA_API_PORT": str(free_port()),
    }  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-m", "arcadia_cloud_pipelines.cli.main", "up", "--port", str(port)],
        env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as up:  # fmt: skip
        try:
            assert up.stdout is not None
            said = []
            for line in up.stdout:
                said.append(line)
                if "Ctrl-C stops everything" in line:
                    break
            assert "Dagster UI" in "".join(said), said
            yield f"http://127.0.0.1:{port}", home
        finally:
            up.send_signal(signal.SIGTERM)
            if up.stdout is not None:
                up.stdout.read()


def dom(url: str, folder: Path) -> str:
    """What stands on a page when nothing moves there any more."""
    assert CHROMIUM is not None
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", f"--user-data-dir={folder / 'browser'}",
            "--virtual-time-budget=40000", "--dump-dom", url,
        ],
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    return done.stdout


def ask(ui: str, query: str) -> str:
    """What the UI's own way answers."""
    return requests.post(f"{ui}/graphql", json={"query": query}, timeout=60).text


def changed(ui: str) -> bool:
    return '"evil"' in ask(ui, "{instance{concurrencyLimits{concurrencyKey}}}")


def test_the_ui_works_behind_the_guard(ui: tuple[str, Path], tmp_path: Path) -> None:
    shown = dom(f"{ui[0]}/assets/droplets", tmp_path)
    assert "Application error" not in shown
    assert "Mirrors" in shown, re.sub(r"<[^>]*>", " ", shown)[-2000:]


def test_a_page_elsewhere_changes_nothing(ui: tuple[str, Path], tmp_path: Path) -> None:
    addresses = [f"{ui[0]}/graphql", f"{ui[0].replace('127.0.0.1', 'localhost')}/graphql"]
    page = ATTACK % (repr(MUTATION), addresses)

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        shown = dom(f"http://127.0.0.1:{server.server_port}/", tmp_path)
        server.shutdown()
    body = shown.rpartition("</script>")[2]
    assert body.count("SOCKET-REFUSED") == 2
    assert "SOCKET-OPEN" not in body
    assert not changed(ui[0])


def test_a_hostile_name_on_an_assets_page_changes_nothing(
    ui: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page shows the name. The last piece is raw Markdown, which only the guard stops."""
    address, home = ui
    monkeypatch.setenv("ARCADIA_HOME", str(home))
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    with dg.DagsterInstance.get() as instance:
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                "droplets",
                description=f"{markdown(PICTURE)} {PICTURE}",
                metadata={
                    "preview": table(("name",), [(PICTURE,)]),
                    "raw": dg.MetadataValue.md(PICTURE),
                },
            )
        )
    shown = dom(f"{address}/assets/droplets?view=events", tmp_path)
    assert "![](/graphql?query=" in shown, re.sub(r"<[^>]*>", " ", shown)[-2000:]
    assert "<img" in shown, "the raw piece is rendered, so this page would have done harm"
    assert not changed(address)
    # The same mutation in the UI's own way does change something, so the tests above say something.
    assert "true" in ask(address, MUTATION)
    assert changed(address)

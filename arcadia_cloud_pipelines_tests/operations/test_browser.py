"""The Dagster UI in a real browser: it works behind its guard, other pages do nothing to it."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import dagster as dg
import pytest

from arcadia_cloud_pipelines.common.foreign_text import markdown
from arcadia_cloud_pipelines.dagster_support.metadata import table

from .browser import Deployment, deployment, dom, needs_chromium, text

pytestmark = needs_chromium

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
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A real deployment of the simulated account."""
    with deployment(tmp_path_factory.mktemp("browser") / "home") as made:
        yield made


def changed(ui: Deployment) -> bool:
    return '"evil"' in ui.ask("{instance{concurrencyLimits{concurrencyKey}}}")


def test_the_ui_works_behind_the_guard(ui: Deployment, tmp_path: Path) -> None:
    shown = dom(f"{ui.url}/assets/droplets", tmp_path)
    assert "Application error" not in shown
    assert "Mirrors" in shown, text(shown)[-2000:]


def test_a_page_elsewhere_changes_nothing(ui: Deployment, tmp_path: Path) -> None:
    addresses = [f"{ui.url}/graphql", f"{ui.url.replace('127.0.0.1', 'localhost')}/graphql"]
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
    assert not changed(ui)


def test_a_hostile_name_on_an_assets_page_changes_nothing(
    ui: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page shows the name. The last piece is raw Markdown, which only the guard stops."""
    monkeypatch.setenv("ARCADIA_HOME", str(ui.home))
    monkeypatch.setenv("DAGSTER_HOME", str(ui.home / "dagster"))
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
    shown = dom(f"{ui.url}/assets/droplets?view=events", tmp_path)
    assert "![](/graphql?query=" in shown, text(shown)[-2000:]
    assert "<img" in shown, "the raw piece is rendered, so this page would have done harm"
    assert not changed(ui)
    # The same mutation in the UI's own way does change something, so the tests above say something.
    assert "true" in ui.ask(MUTATION)
    assert changed(ui)

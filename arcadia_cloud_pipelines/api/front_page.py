"""`/`: says what is here, for whoever opens the address in a browser."""

from __future__ import annotations

from html import escape

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

router = APIRouter()

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Arcadia Cloud</title>
<style>
body {{ font: 16px/1.6 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem;
  color: #1c1c28; background: #fff; }}
code, pre {{ font: 14px/1.5 ui-monospace, monospace; background: #f2f3f7; }}
pre {{ padding: .8rem 1rem; overflow-x: auto; }}
a {{ color: #2d4bd0; }}
</style>
</head>
<body>
<h1>Arcadia Cloud</h1>
<p>The HTTP API over the mirror of a DigitalOcean account: its resources, what they cost, and where
they left the plan.</p>
<ul>
<li><a href="/docs">/docs</a>: every route, to read and to try</li>
<li><a href="/openapi.json">/openapi.json</a>: the same for programs</li>
<li><a href="/api/health">/api/health</a>: whether it works</li>
</ul>
<p>All other routes need a token. With the simulator (<code>make up</code> without
<code>DO_API_TOKEN</code>), the machine that runs it makes one for an hour:</p>
<pre>.venv/bin/arcadia api token</pre>
<p>With a real account, ask whoever runs Guardian, the token issuer. Then:</p>
<pre>curl -H "Authorization: Bearer $TOKEN" {address}api/v1/inventory</pre>
</body>
</html>
"""


@router.get("/", include_in_schema=False)
async def front_page(request: Request) -> HTMLResponse:
    """Show the page; it needs no token and tells nothing of the account."""
    return HTMLResponse(_PAGE.format(address=escape(str(request.base_url))))

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from arcadia_cloud_pipelines.simulator import RunningSimulator, SimulatedAccount, serve


@pytest.fixture
def account() -> SimulatedAccount:
    return SimulatedAccount()


@pytest.fixture
def server(account: SimulatedAccount) -> Iterator[RunningSimulator]:
    with serve(account) as running:
        yield running


class Client:
    """A plain client: what it gets is what the simulator sent."""

    def __init__(self, server: RunningSimulator, token: str | None = None) -> None:
        self.server = server
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {token or server.token}"

    def request(self, method: str, path: str, **options: object) -> requests.Response:
        options.setdefault("allow_redirects", False)
        return self.session.request(method, self.server.url + path, timeout=5, **options)

    def get(self, path: str, **params: object) -> requests.Response:
        return self.request("GET", path, params=params)

    def all(self, path: str, envelope: str, **params: object) -> list[dict]:
        """Every row, by following `next`."""
        rows: list[dict] = []
        answer = self.get(path, **params).json()
        while True:
            rows += answer[envelope]
            url = answer.get("links", {}).get("pages", {}).get("next")
            if not url:
                return rows
            answer = self.request("GET", url.removeprefix(self.server.url)).json()


@pytest.fixture
def client(server: RunningSimulator) -> Iterator[Client]:
    made = Client(server)
    yield made
    made.session.close()

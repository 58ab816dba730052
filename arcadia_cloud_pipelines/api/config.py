"""Settings of the API, apart from the warehouse and the time."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from ..settings import JWT_ISSUER, Settings
from ..settings.secret import Secret


@dataclass(frozen=True)
class ApiConfig:
    """Secrets and limits. The defaults are those of the deployment."""

    jwt_secrets: tuple[Secret, ...] = ()
    """Any of them may have signed a token; none: every authenticated call is refused."""
    jwt_issuer: str = JWT_ISSUER
    jwt_audience: str | None = None
    """For whom a token has to be, where it says it; for the issuer when None."""
    metrics_token: Secret | None = None
    """What `/metrics` may be asked with; a platform_admin's token is good for it, too."""
    dagster_url: sa.URL | None = None
    """Dagster's own database, for the metrics of runs; None leaves them out."""
    connections: int = 4
    """To the database, and so queries at a time. One process makes JSON of no more than this."""
    waiting: int = 256
    """Requests that may wait for a connection; the next one is told to come back."""
    statement_seconds: float = 5.0
    """After which the database gives a query up, so that none starves the pipeline."""
    share: int = 64
    """Requests of one caller, or of one tenant, under way at a time; the next one gets 429."""
    body_seconds: float = 10.0
    """In which a body has to be there."""
    body_bytes: int = 64 * 1024
    """Of a request."""
    target_bytes: int = 8 * 1024
    """Of path and query together."""
    page_bytes: int = 4 * 1024 * 1024
    """A page of JSON ends early when its rows are larger than this."""

    @classmethod
    def from_settings(cls, settings: Settings) -> ApiConfig:
        """Read what the environment says."""
        return cls(
            jwt_secrets=settings.jwt_secrets,
            jwt_issuer=settings.jwt_issuer,
            jwt_audience=settings.jwt_audience,
            metrics_token=settings.metrics_token,
        )

"""PostgreSQL URLs as people write them, made into what SQLAlchemy needs.

People paste `postgres://…` and `postgresql://…` as libpq documents them. SQLAlchemy refuses the
first, and takes the second for whatever driver is its default of the day; dagster-postgres works
with psycopg2 alone. So every URL is spelled out here, and nowhere else.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

from sqlalchemy import URL

from ..settings import Secret, SettingsError

DRIVER = "postgresql+psycopg2"
_SCHEMES = {"postgres", "postgresql", "postgresql+psycopg2", "postgresql+psycopg"}


def sqlalchemy_url(secret: Secret, variable: str) -> URL:
    """The libpq URI in `secret` as a SQLAlchemy URL with the driver spelled out.

    Socket directories, several hosts and parameters such as `sslmode` are kept.

    Args:
        secret: `postgresql://[user[:password]@][host][:port][,…][/database][?name=value&…]`,
            see "Connection URIs" in PostgreSQL's libpq chapter.
        variable: where it came from, for the error text.

    Raises:
        SettingsError: it is no such URI. The text never shows it: it may hold a password.
    """
    problem = f"{variable} is not a PostgreSQL URL of the form postgresql://user@host:5432/database"
    try:
        parts = urlsplit(secret.reveal())
        if parts.scheme not in _SCHEMES:
            raise SettingsError(f"{problem}: it must start with postgresql://")
        credentials, _, addresses = parts.netloc.rpartition("@")
        user, _, password = credentials.partition(":")
        query: dict[str, list[str]] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True, strict_parsing=False):
            query.setdefault(name, []).append(value)
        hosts = [_split_address(address) for address in addresses.split(",") if address]
    except ValueError:
        # urllib's text may quote the password.
        raise SettingsError(problem) from None
    host: str | None = None
    port: int | None = None
    if len(hosts) == 1 and not hosts[0][0].startswith("/"):
        host, port = hosts[0]
    elif hosts:
        query["host"] = [f"{name}:{number or 5432}" for name, number in hosts]
        if len(hosts) == 1:
            query["host"] = [hosts[0][0]]
            port = hosts[0][1]
            if port is not None:
                query["port"] = [str(port)]
                port = None
    return URL.create(
        DRIVER,
        username=unquote(user) or None,
        password=unquote(password) or None,
        host=host,
        port=port,
        database=unquote(parts.path.lstrip("/")) or None,
        query={name: tuple(v) if len(v) > 1 else v[0] for name, v in query.items()},
    )


def _split_address(address: str) -> tuple[str, int | None]:
    """`host`, `host:port` or `[v6]:port` in its two parts."""
    if address.startswith("["):
        name, _, rest = address[1:].partition("]")
        number = rest.removeprefix(":")
    else:
        name, _, number = address.partition(":")
    return unquote(name), int(number) if number else None

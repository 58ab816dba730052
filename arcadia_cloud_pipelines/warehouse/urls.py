"""PostgreSQL URLs as people write them, made into what SQLAlchemy needs.

People paste `postgres://…` and `postgresql://…` as libpq documents them. SQLAlchemy refuses the
first, and takes the second for whatever driver is its default of the day; dagster-postgres works
with psycopg2 alone. So every URL is spelled out here, and nowhere else.
"""

from __future__ import annotations

from urllib.parse import unquote

from sqlalchemy import URL

from ..settings import SettingsError
from ..settings.secret import Secret

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
    # By hand: urllib would end the password at "?" or "#", and may quote it in its errors.
    scheme, found, rest = secret.reveal().partition("://")
    if not found or scheme not in _SCHEMES:
        raise SettingsError(f"{problem}: it must start with postgresql://")
    credentials, addresses, path, parameters = _split(rest)
    if "@" in path:
        raise SettingsError(f"{problem}: write a / in the password as %2F, and an @ as %40")
    user, _, password = credentials.partition(":")
    query = {}
    for parameter in filter(None, parameters.split("&")):
        name, _, value = parameter.partition("=")
        query[unquote(name)] = unquote(value)
    try:
        hosts = [_split_address(address) for address in addresses.split(",") if address]
    except ValueError:
        raise SettingsError(f"{problem}: write the port as a number") from None
    host, port = hosts[0] if len(hosts) == 1 else (None, None)
    if len(hosts) > 1 or (host or "").startswith("/"):
        host, port = None, None
        query.setdefault("host", ",".join(name for name, _ in hosts))
        if any(number for _, number in hosts):
            query.setdefault("port", ",".join(str(number or 5432) for _, number in hosts))
    # A password among the parameters would show wherever a URL is printed.
    return URL.create(
        DRIVER,
        username=query.pop("user", unquote(user)) or None,
        password=query.pop("password", unquote(password)) or None,
        host=host,
        port=port,
        database=query.pop("dbname", unquote(path)) or None,
        query=query,
    )


def _split(rest: str) -> tuple[str, str, str, str]:
    """Credentials, addresses, path and parameters of what follows `postgresql://`.

    As libpq reads it: credentials end at "@" before the first "/", whatever else they hold.
    """
    authority, slash, tail = rest.partition("/")
    credentials, at, addresses = authority.partition("@")
    if not at:
        credentials, addresses = "", authority
    addresses, question, parameters = addresses.partition("?")
    if question:  # no path
        return credentials, addresses, "", parameters + slash + tail
    more, at, last = addresses.rpartition("@")
    if at:  # people forget to encode it
        credentials, addresses = f"{credentials}@{more}", last
    path, _, parameters = tail.partition("?")
    return credentials, addresses, path, parameters


def _split_address(address: str) -> tuple[str, int | None]:
    """`host`, `host:port` or `[v6]:port` in its two parts."""
    if address.startswith("["):
        name, _, rest = address[1:].partition("]")
        number = rest.removeprefix(":")
    else:
        name, _, number = address.partition(":")
    return unquote(name), int(number) if number else None

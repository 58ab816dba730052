"""Spaces, or what else speaks S3: which buckets there are, and one object of a bucket.

botocore's exceptions carry the signed request, so none of them leaves this module, not even as the
context of another; and its debug log, which holds headers and signatures, stays shut.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Any, Final, NamedTuple, TypeVar

from ..settings.values import SpacesKey
from .errors import (
    BadAnswer,
    DigitalOceanError,
    Forbidden,
    PagingError,
    RateLimited,
    RedirectRefused,
    RequestRefused,
    ServerError,
    Unauthorized,
    Unreachable,
    clean,
)
from .network_problems import network_problem
from .s3_sessions import not_redirected, s3_session
from .sessions import user_agent

MOST_PAGES: Final = 1_000

_KEYS = "SPACES_ACCESS_KEY_ID and SPACES_SECRET_ACCESS_KEY"
_WHERE = "check SPACES_ENDPOINT and SPACES_REGIONS"
_ADVICE: Mapping[type[DigitalOceanError], str] = {
    Unauthorized: f"the key pair is wrong or revoked, so set a valid one in {_KEYS}",
    Forbidden: (
        f"the key may not list buckets, so set one with full access in {_KEYS}, or none: then "
        "buckets are known by name from what else the account says"
    ),
    Unreachable: (
        "check the network and status.digitalocean.com, and take out of SPACES_REGIONS what has "
        "no Spaces"
    ),
    RateLimited: "run it again later",
    RedirectRefused: _WHERE,
    BadAnswer: _WHERE,
    RequestRefused: _WHERE,
}
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; Ceph, which Spaces runs on,
# has the same.
_WRONG_KEY = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch"})
_WRONG_CLOCK = "RequestTimeTooSkewed"
_CHUNK: Final = 64 * 1024

Answer = TypeVar("Answer")


class Bucket(NamedTuple):
    """One bucket of one region's list."""

    name: str
    created_at: datetime | None


class Spaces:
    """Spaces with one key pair. For one thread."""

    def __init__(
        self,
        endpoint: str,
        key: SpacesKey,
        *,
        timeout: tuple[float, float] = (5, 20),
        attempts: int = 3,
        signed_for: str = "us-east-1",
        path_style: bool = False,
        advice: Mapping[type[DigitalOceanError], str] = _ADVICE,
    ) -> None:
        """Send nothing yet.

        Args:
            endpoint: a region's address, with `{region}` where its name goes.
            key: sent there as a signature and nowhere else.
            timeout: seconds to connect, and between two bytes.
            attempts: most requests for one answer.
            signed_for: the region in the signature, which Spaces ignores.
            path_style: whether the bucket stands in the path, not in the host name.
            advice: what to do, by type of error; the type's own where it is not given.
        """
        self._endpoint = endpoint
        self._signed_for = signed_for
        self._style = "path" if path_style else "auto"
        self._advice = advice
        self._key = key
        self._session = s3_session(key)
        self._timeout = timeout
        self._attempts = attempts
        self.calls = 0
        """HTTP requests sent, retries included."""

    def buckets(self, region: str) -> list[Bucket]:
        """Every bucket of one region; Spaces lists no other region's.

        Raises:
            DigitalOceanError: the list could not be read whole; `Forbidden` when the key may not
                list buckets, as those limited to some may not.
        """
        where = f"ListBuckets in {region}"
        found: list[Bucket] = []
        tokens: set[str] = set()
        query: dict[str, str] = {}
        with closing(self._client(region)) as client:
            while True:
                page = self._answer(where, partial(client.list_buckets, **query))
                found += self._buckets_of(page, where)
                token = page.get("ContinuationToken")
                if not token:
                    return found
                if token in tokens or len(tokens) >= MOST_PAGES:
                    raise PagingError(where, "never ends")
                tokens.add(token)
                query = {"ContinuationToken": token}

    def read(
        self,
        region: str,
        bucket: str,
        key: str,
        *,
        most: int,
        longest: float,
        clock: Callable[[], float] = monotonic,
    ) -> bytes:
        """Return one object whole.

        Args:
            region: goes into the endpoint.
            bucket: the bucket's name.
            key: the object's name.
            most: bytes that are read at most.
            longest: seconds that reading may take.
            clock: seconds that never go back.

        Raises:
            DigitalOceanError: it could not be read whole; its `status` is 404 when there is none.
        """
        where = f"GetObject of {bucket}/{key}"
        start = clock()

        def whole(client: Any) -> bytes | DigitalOceanError:
            parts, size = [], 0
            with closing(client.get_object(Bucket=bucket, Key=key)["Body"]) as body:
                while chunk := body.read(_CHUNK):
                    parts.append(chunk)
                    size += len(chunk)
                    if size > most:
                        return self._error(BadAnswer, where, f"is larger than {most:,} bytes")
                    if clock() - start > longest:
                        problem = f"was still not read after {longest:.0f} s"
                        return self._error(Unreachable, where, problem)
            return b"".join(parts)

        with closing(self._client(region)) as client:
            return self._answer(where, partial(whole, client))

    def _answer(self, where: str, ask: Callable[[], Answer | DigitalOceanError]) -> Answer:
        """Return the answer, or raise what went wrong."""
        answer = self._ask(where, ask)
        # Raised here, not in `except`: there the caught one would become its context.
        if isinstance(answer, DigitalOceanError):
            raise answer
        return answer

    def _ask(
        self, where: str, ask: Callable[[], Answer | DigitalOceanError]
    ) -> Answer | DigitalOceanError:
        """Return the answer, or what went wrong."""
        from botocore import exceptions

        try:
            return ask()
        except exceptions.ClientError as error:
            return self._refusal(where, error.response)
        except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
            return self._error(Unreachable, where, network_problem(error))
        except Exception:  # a parser's, which may be any and may hold the answer
            return self._error(BadAnswer, where, "gave an answer that cannot be read")

    def _refusal(self, where: str, answer: Mapping[str, Any]) -> DigitalOceanError:
        """The error that an S3 error answer stands for."""
        status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        # Not the message, which quotes the key id and what was signed.
        secrets = (self._key.access_key_id.reveal(), self._key.secret_access_key.reveal())
        code = clean(answer.get("Error", {}).get("Code"), hide=secrets, limit=60)
        kind: type[DigitalOceanError]
        advice = None
        if 300 <= status < 400:
            kind = RedirectRefused
        elif status == 401 or code in _WRONG_KEY:
            kind = Unauthorized
        elif code == _WRONG_CLOCK:
            kind, advice = RequestRefused, "set this machine's clock, with NTP"
        elif status == 403:
            kind = Forbidden
        elif status == 429 or code == "SlowDown":
            kind = RateLimited
        elif status >= 500:
            kind = ServerError
        else:
            kind = RequestRefused
        # botocore gives the status again where the answer had no code.
        told = "" if code in ("", str(status)) else f" ({code})"
        return self._error(kind, where, f"answered {status}{told}", status, advice)

    def _error(
        self,
        kind: type[DigitalOceanError],
        where: str,
        problem: str,
        status: int | None = None,
        advice: str | None = None,
    ) -> DigitalOceanError:
        return kind(where, problem, status=status, advice=advice or self._advice.get(kind))

    def _buckets_of(self, page: Mapping[str, Any], where: str) -> list[Bucket]:
        listed = page.get("Buckets")
        # Any well-formed XML parses, and lacks it.
        if not isinstance(listed, list):
            raise self._error(BadAnswer, where, "answered without a list of buckets")
        found = [Bucket(bucket.get("Name"), bucket.get("CreationDate")) for bucket in listed]
        if not all(isinstance(bucket.name, str) and bucket.name for bucket in found):
            raise self._error(BadAnswer, where, "listed a bucket without a name")
        return found

    def _client(self, region: str) -> Any:
        """A client of botocore's for one region."""
        from botocore.config import Config

        logger = logging.getLogger("botocore")
        if logger.getEffectiveLevel() < logging.INFO:
            logger.setLevel(logging.INFO)
        client = self._session.client(
            "s3",
            endpoint_url=self._endpoint.format(region=region),
            region_name=self._signed_for,
            config=Config(
                connect_timeout=self._timeout[0],
                read_timeout=self._timeout[1],
                retries={"mode": "standard", "total_max_attempts": self._attempts},
                signature_version="s3v4",
                s3={"addressing_style": self._style},
                user_agent=user_agent(),
            ),
        )
        client.meta.events.register("before-call.s3", not_redirected)
        client.meta.events.register("before-send.s3", self._count)
        return client

    def _count(self, **_: object) -> None:
        self.calls += 1

"""A store in a bucket of S3, or of one of the many servers that speak its language: `s3://bucket/prefix`."""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from app.core.storage.faults import problem_of
from app.core.storage.store import CHUNK, Reader, is_name, prove, require_name

# The smallest part of an upload that S3 takes. With 10,000 of them, the most it takes, a file may have 48 GB.
PART = 5 * 1024 * 1024
PAGE = 1000
SMALL = 64 * 1024
BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}")
LONGEST_PREFIX = 100
OPTIONS = ("endpoint_url", "region", "connect_timeout", "read_timeout")


@dataclass(frozen=True, slots=True)
class Place:
    """What a URL says: where the objects are, and how to get there. None: as the surroundings of the process say."""

    bucket: str
    prefix: str
    key: str | None = field(repr=False)
    secret: str | None = field(repr=False)
    endpoint_url: str | None = None
    region: str | None = None
    connect_timeout: float = 3.0
    read_timeout: float = 10.0


class Bucket:
    """Objects in a bucket, below a prefix."""

    def __init__(self, place: Place) -> None:
        self.where = _where(place)
        self._place = place
        self._prefix = f"{place.prefix}/" if place.prefix else ""
        # One for each process: connections of before a fork belong to both sides. Of two threads that make one at the
        # same time the first wins; a lock could be held by a thread that the fork left behind.
        self._clients: dict[int, Any] = {}

    def put(self, name: str, stream: BinaryIO) -> None:
        """Send the stream: in one go, or in parts that become an object when all are there."""
        require_name(name)
        part = _part(stream)
        if len(part) < PART:
            with self._told() as client:
                client.put_object(**self._key(name), Body=part)
            return
        with self._upload(name) as send:
            while part:
                send(part)
                part = b""  # two of them in memory would be one too many
                part = _part(stream)

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Give the object as a stream; one that is cut short raises StorageAway."""
        with self._told() as client:
            body = client.get_object(**self._key(name))["Body"]
        try:
            yield io.BufferedReader(Reader(body.read, self._told), CHUNK)
        finally:
            body.close()

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield names, asking for a page when the one before is used up."""
        with self._told() as client:
            wanted = {"Bucket": self._place.bucket, "Prefix": self._prefix + prefix}
            pages = iter(
                client.get_paginator("list_objects_v2").paginate(**wanted, PaginationConfig={"PageSize": PAGE})
            )
        while True:
            with self._told():
                page = next(pages, None)
            if page is None:
                return
            names = (item["Key"][len(self._prefix) :] for item in page.get("Contents", ()))
            yield from filter(is_name, names)

    def delete(self, name: str) -> None:
        """Remove the object; S3 does not say whether there was one."""
        with self._told() as client:
            client.delete_object(**self._key(name))

    def check(self) -> None:
        """Write, read and remove a small object."""
        prove(self)

    @contextmanager
    def _upload(self, name: str) -> Iterator[Callable[[bytes], None]]:
        """Give a function that sends one part; all become the object at the end of the block, or none."""
        with self._told() as client:
            upload = self._key(name)
            upload["UploadId"] = client.create_multipart_upload(**upload)["UploadId"]
        sent: list[dict[str, Any]] = []

        def send(part: bytes) -> None:
            number = len(sent) + 1
            with self._told():
                answer = client.upload_part(**upload, PartNumber=number, Body=part)
            sent.append({"PartNumber": number, "ETag": answer["ETag"]})

        try:
            yield send
            with self._told():
                client.complete_multipart_upload(**upload, MultipartUpload={"Parts": sent})
        except BaseException:
            with suppress(Exception):  # what went wrong first is what is told
                client.abort_multipart_upload(**upload)
            raise

    def _key(self, name: str) -> dict[str, str]:
        require_name(name)
        return {"Bucket": self._place.bucket, "Key": self._prefix + name}

    @contextmanager
    def _told(self) -> Iterator[Any]:
        """Give the client; turn what the server, the network or the client says into words."""
        try:
            yield self._client()
        except Exception as error:
            problem = problem_of(error, self.where, self._place.bucket)
            if problem is None:
                raise
            raise problem from error

    def _client(self) -> Any:
        process = os.getpid()
        return self._clients.get(process) or self._clients.setdefault(process, _client(self._place))


def bucket_of(url: SplitResult) -> Bucket:
    """Return the store of an `s3:` URL; raises ValueError with what is wrong, without secrets."""
    account, _, bucket = url.netloc.rpartition("@")
    if "@" in account or ":" in bucket or url.fragment:
        raise ValueError(
            "is no URL that can be read: in the keys of s3://KEY:SECRET@bucket write “/” as %2F, “@” as %40, “?” as %3F"
            " and “#” as %23"
        )
    key, _, secret = account.partition(":")
    if bool(key) != bool(secret):
        raise ValueError("holds a key without a secret: write s3://KEY:SECRET@bucket/prefix")
    if not BUCKET.fullmatch(bucket):
        raise ValueError("names no bucket: write s3://bucket/prefix")
    prefix = unquote(url.path).strip("/")
    if prefix and (not is_name(prefix) or len(prefix.encode()) > LONGEST_PREFIX):
        raise ValueError(
            f"names a prefix that can't be used: write up to {LONGEST_PREFIX} letters, no part with a dot first"
        )
    keys = (unquote(key), unquote(secret)) if key else (None, None)
    return Bucket(Place(bucket, prefix, *keys, **_options(url.query)))


def _options(query: str) -> dict[str, Any]:
    """Return what stands behind the question mark."""
    options: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in OPTIONS:
            raise ValueError(f"holds something unknown after the “?”: it may be {', '.join(OPTIONS)}")
        if name == "endpoint_url":
            _require_endpoint(value)
        options[name] = _seconds(name, value) if name.endswith("_timeout") else value
    return {name: value for name, value in options.items() if value}


def _require_endpoint(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_good = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
        )
    except ValueError:
        is_good = False
    if not is_good or re.search(r"\s", url):
        raise ValueError(
            "names an endpoint_url that is none: write endpoint_url=https://storage.example.com, for example"
        )


def _seconds(name: str, text: str) -> float:
    if not re.fullmatch(r"\d{1,4}(\.\d{1,3})?", text, flags=re.ASCII) or not float(text):
        raise ValueError(f"holds a {name} that is no number of seconds")
    return float(text)


def _where(place: Place) -> str:
    path = f"s3://{place.bucket}/{place.prefix}".rstrip("/")
    return f"{path} ({urlsplit(place.endpoint_url).netloc})" if place.endpoint_url else path


def _client(place: Place) -> Any:
    """Return a client that gives up in time; the library is imported only here, for it takes its time."""
    import boto3
    from botocore.config import Config

    # It would tell where it found keys at each start, and with debugging what it sends.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    config = Config(
        connect_timeout=place.connect_timeout,
        read_timeout=place.read_timeout,
        retries={"total_max_attempts": 2, "mode": "standard"},
        max_pool_connections=16,
        s3={"addressing_style": "path" if place.endpoint_url else "auto"},
        # Many servers don't know the checksums that S3 itself has since 2024.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client = boto3.session.Session().client(
        "s3",
        region_name=place.region,
        endpoint_url=place.endpoint_url,
        aws_access_key_id=place.key,
        aws_secret_access_key=place.secret,
        config=config,
    )
    client.meta.events.register_last("before-call.s3", _send_at_once)
    return client


def _send_at_once(params: dict[str, Any], **_rest: Any) -> None:
    """Send what is small without asking first whether it may come: some servers never say so, which costs a second."""
    body = params.get("body")
    if isinstance(body, io.BytesIO) and body.getbuffer().nbytes <= SMALL:
        params["headers"].pop("Expect", None)


def _part(stream: BinaryIO) -> bytes:
    """Return the next part of a stream, shorter only at its end."""
    part = stream.read(PART)
    if not part or len(part) == PART:
        return part
    pieces = [part]
    missing = PART - len(part)
    while missing and (piece := stream.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)

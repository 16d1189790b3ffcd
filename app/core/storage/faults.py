"""What S3, the network and the client say, in words that tell what to do."""

from __future__ import annotations

import re
from typing import Any

from flask_babel import lazy_gettext as _l

from app.core.problems import Problem, Sentence
from app.core.storage.store import Missing, StorageAway, StorageRefused

KEYS = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "ExpiredToken",
    "TokenRefreshRequired",
    "InvalidSecurity",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
}
REGION = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301", "307"}
CLOCK = {"RequestTimeTooSkewed", "RequestExpired"}
BUCKET = {"NoSuchBucket", "InvalidBucketName", "404"}
# What the server says with a status below 500, though it may well be over when it is asked again.
TRYING_AGAIN_HELPS = {"RequestTimeout", "OperationAborted", "NoSuchUpload", "SlowDown", "Throttling", "TooManyRequests"}
CODE = re.compile(r"[A-Za-z0-9._-]{1,60}")


def problem_of(error: Exception, where: str, bucket: str) -> Problem | None:
    """Return the problem that an error is; None for a mistake of our own."""
    from botocore import exceptions as known
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    if isinstance(error, known.ClientError):
        return _answered(error.response, where, bucket)
    if isinstance(error, known.SSLError):
        return StorageAway(
            _l(
                "The certificate of %(where)s isn’t trusted: check endpoint_url in STORAGE_URL, or name the file of "
                "your own authority in AWS_CA_BUNDLE.",
                where=where,
            )
        )
    if isinstance(error, known.ConnectTimeoutError | known.ReadTimeoutError):
        return StorageAway(_l("%(where)s does not answer in time.", where=where))
    if isinstance(error, known.NoCredentialsError | known.PartialCredentialsError | known.ProfileNotFound):
        return StorageRefused(
            _l(
                "There are no keys for %(where)s: write them into STORAGE_URL as s3://KEY:SECRET@bucket, or set "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
                where=where,
            )
        )
    if isinstance(error, _passing(known) | OSError | HTTPError):
        return StorageAway(
            _l(
                "%(where)s can’t be reached at the moment: is it running, and is endpoint_url in STORAGE_URL right?",
                where=where,
            )
        )
    if isinstance(error, known.BotoCoreError | ResponseParserError):
        return StorageRefused(_refused(where, type(error).__name__))
    return None


def _passing(known: Any) -> Any:
    """Return what is the network's fault, or that of who lends us keys for a while."""
    return (
        known.HTTPClientError
        | known.ConnectionError
        | known.IncompleteReadError
        | known.CredentialRetrievalError
        | known.TokenRetrievalError
    )


def _answered(response: Any, where: str, bucket: str) -> Problem:
    """Return the problem that the server's answer is."""
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    code = str(response.get("Error", {}).get("Code") or status)
    code = code if CODE.fullmatch(code) else str(status)
    if code == "NoSuchKey":
        return Missing()
    if status >= 500 or status in (408, 429) or code in TRYING_AGAIN_HELPS:
        return StorageAway(_l("%(where)s is in trouble and answers %(code)s.", where=where, code=code))
    return StorageRefused(_says_no(status, code, where, bucket))


def _says_no(status: int, code: str, where: str, bucket: str) -> Sentence:
    if code in KEYS or status == 401:
        return _l(
            "%(where)s does not accept the keys (%(code)s): check those in STORAGE_URL, with special characters "
            "percent-encoded, or those in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
            where=where,
            code=code,
        )
    if code in BUCKET:
        return _l(
            "There is no bucket “%(bucket)s” at %(where)s: make it, or name another in STORAGE_URL.",
            bucket=bucket,
            where=where,
        )
    if code in REGION:
        return _l(
            "%(where)s is in another region: name it in STORAGE_URL as region=… (%(code)s).", where=where, code=code
        )
    if code in CLOCK:
        return _l("%(where)s finds that this machine’s clock is wrong: set it right.", where=where)
    if status == 403:
        return _l(
            "%(where)s does not let us do this (%(code)s): allow the keys to list, read, write and delete objects "
            "there.",
            where=where,
            code=code,
        )
    return _refused(where, code)


def _refused(where: str, code: str) -> Sentence:
    return _l("%(where)s refuses us with %(code)s: check STORAGE_URL.", where=where, code=code)

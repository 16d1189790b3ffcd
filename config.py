"""Settings: the only reader of the environment, `.env` and `instance/config.py`.

`app/` never imports this module; it is handed the finished mapping. Each setting stands once in `SETTINGS`,
which the README's table is tested against.
"""

from __future__ import annotations

import os
import re
import runpy
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parent
PROFILES = ("embedded", "development", "testing", "production")


class ConfigError(SystemExit):
    """A setting that can't be used; its text is the one sentence shown at start-up."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its name, what it is when nobody sets it, how its text is read, and what it does."""

    name: str
    default: str
    does: str
    kind: str = "text"
    secret: bool = False


SETTINGS = (
    Setting(
        "FLASK_CONFIG",
        "",
        "profile: `development`, `testing` or `production`; unset is production-safe and needs nothing else",
    ),
    Setting("SECRET_KEY", "", "signs cookies; unset: made once and kept in the instance folder", secret=True),
    Setting(
        "DATABASE_URL",
        "",
        "`sqlite:///…`, `mysql+pymysql://user:p%40ss@host:3306/name` or `postgresql+psycopg://…`, TLS by `?ssl_ca=`;"
        " unset: SQLite in the instance folder",
        secret=True,
    ),
    Setting(
        "REDIS_URL", "", "`redis://`, `rediss://` or `redis+sentinel://…`; unset: memory of the process", secret=True
    ),
    Setting(
        "CACHE_VERIFY",
        "0.01",
        "share of the query cache's answers, 0 to 1, that are compared with the database's; `1` in tests",
        "share",
    ),
    Setting(
        "STORAGE_URL",
        "",
        "where the archive and files go: `file:///…` or `s3://bucket/prefix?endpoint_url=…&region=…`; unset: `storage/`"
        " in the instance folder",
        secret=True,
    ),
    Setting(
        "MAIL_URL",
        "",
        "`smtp://user:password@host:587?from=hr@example.com`; unset: each message is a file in `mail/` of the instance"
        " folder",
        secret=True,
    ),
    Setting("PUBLIC_URL", "", "address that links in mails begin with; unset: `http://HOST:PORT`"),
    Setting("TRUSTED_PROXIES", "0", "number of reverse proxies whose `X-Forwarded-*` headers are believed", "count"),
    Setting("LOG_FORMAT", "console", "`json` or `console`"),
    Setting("SERVER_TIMING", "0", "`1` adds a `Server-Timing` header with time and number of SQL statements", "switch"),
    Setting("METRICS_ALLOWED", "127.0.0.1,::1", "addresses or networks that may read `/metrics`", "list"),
    Setting("METRICS_TOKEN", "", "bearer token that may read `/metrics` from anywhere", secret=True),
    Setting("DEFAULT_CURRENCY", "USD", "currency of imported pay that names none"),
    Setting("HOST", "127.0.0.1", "address that `make run` serves on"),
    Setting("PORT", "5000", "port that `make run` serves on", "count"),
    Setting("INSTANCE_PATH", "", "folder of what belongs to this machine; unset: `instance/`"),
    Setting("ADMIN_EMAIL", "admin@rollcall.example", "first administrator that `make run` makes"),
    Setting("ADMIN_PASSWORD", "", "their password; unset: a random one is printed once", secret=True),
    Setting("DEMO", "300", "number of demo employees that the first `make run` makes; `0`: none", "count"),
    Setting(
        "MIGRATION_DATABASE_URL",
        "",
        "account that may change tables, which `flask migrate` and `flask restore` use; unset: `DATABASE_URL`",
        secret=True,
    ),
    Setting(
        "SETUP_AT_START",
        "1",
        "`0`: `flask serve` neither migrates nor makes an administrator; a deployment does that once for all servers",
        "switch",
    ),
    Setting("BACKGROUND", "1", "`0`: `flask serve` leaves the background work to `flask worker`", "switch"),
    Setting(
        "DRAIN_SECONDS",
        "0",
        "seconds between SIGTERM and the end of serving, in which `/readyz` sends load balancers away",
        "count",
    ),
    Setting("READ_ONLY", "0", "`1`: everything can be looked at and nothing changed", "switch"),
    Setting("HOST_LABEL", "", "what the system page calls this server; unset: the host’s name"),
    Setting("IMAGE_COMMIT", "", "commit that this code is; set in the image"),
    Setting("IMAGE_TAG", "", "tag of the image; set in the image"),
    Setting("IMAGE_TIME", "", "when the image was built, as `2026-11-21T21:00:00Z`; set in the image"),
    Setting("IMAGE_DIGEST", "", "digest of the image that runs; set by the deployment"),
    Setting("DEPLOY_RUN", "", "address or name of the pipeline run that deployed it; set by the deployment"),
)

# The database drivers we ship with, under the names that people and hosting panels use for them.
DIALECTS = {
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "mariadb+pymysql": "mysql+pymysql",
    "mysql+pymysql": "mysql+pymysql",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "sqlite": "sqlite",
}

SENTINELS = "redis+sentinel"
REDIS_FORMS = {
    "redis": "redis://user:password@host:6379/0",
    "rediss": "rediss://user:password@host:6379/0",
    SENTINELS: "redis+sentinel://user:password@host1:26379,host2:26379/mymaster/0",
}
REDIS_OPTIONS = {
    "redis": set[str](),
    "rediss": {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs"},
    SENTINELS: {"sentinel_username", "sentinel_password"},
}


def load_config(
    profile: str | None = None, environ: Mapping[str, str] | None = None, **overrides: Any
) -> dict[str, Any]:
    """Return the finished settings: `overrides`, then the environment, `.env`, `instance/config.py`, defaults.

    The testing profile reads neither `.env` nor `instance/config.py`, so a developer's machine can't change a test.
    """
    environ = os.environ if environ is None else environ
    profile = profile or environ.get("FLASK_CONFIG") or _from_dotenv(environ).get("FLASK_CONFIG") or "embedded"
    if profile not in PROFILES:
        raise ConfigError(
            f"FLASK_CONFIG is “{profile}”, which is no profile: use {', '.join(PROFILES[1:])} or leave it out."
        )
    sources: list[Mapping[str, Any]] = [overrides, environ]
    if profile != "testing":
        sources.append(_from_dotenv(environ))
    instance = Path(str(_look_up("INSTANCE_PATH", sources) or ROOT / "instance")).absolute()
    if profile != "testing":
        sources.append(_from_instance(instance))

    config: dict[str, Any] = {s.name: _read(s, sources) for s in SETTINGS}
    config.update({k: v for k, v in overrides.items() if k not in config})
    config["FLASK_CONFIG"] = profile
    config["INSTANCE_PATH"] = str(instance)
    config["STORAGE_URL"] = _storage_url(config["STORAGE_URL"], instance)
    config["MAIL_URL"] = config["MAIL_URL"] or (instance / "mail").as_uri()
    config["PUBLIC_URL"] = _public_url(config["PUBLIC_URL"]) or _own_address(config["HOST"], config["PORT"])
    if not config["MAIL_URL"].startswith(("smtp://", "smtps://", "file:///")):
        raise ConfigError("MAIL_URL is neither smtp://…, smtps://… nor file:///…: see “Mail” in docs/operations.md.")
    config["DATABASE_URL"] = _database_url(config["DATABASE_URL"], "DATABASE_URL", instance)
    migrator = config["MIGRATION_DATABASE_URL"] or config["DATABASE_URL"]
    config["MIGRATION_DATABASE_URL"] = _database_url(migrator, "MIGRATION_DATABASE_URL", instance)
    _look_at_redis_url(config["REDIS_URL"])
    config["SECRET_KEY"] = _secret_key(config["SECRET_KEY"], profile, instance)
    if config["LOG_FORMAT"] not in ("json", "console"):
        raise ConfigError(f"LOG_FORMAT is “{config['LOG_FORMAT']}”: use json or console.")
    config["DEBUG"] = profile == "development"
    config["TESTING"] = profile == "testing"
    return config


def _from_dotenv(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings in `.env` beside this file; an environment handed in by a caller stands alone."""
    if environ is not os.environ:
        return {}
    return {k: v for k, v in dotenv_values(ROOT / ".env").items() if v is not None}


def _from_instance(instance: Path) -> dict[str, Any]:
    path = instance / "config.py"
    if not path.is_file():
        return {}
    try:
        return {k: v for k, v in runpy.run_path(str(path)).items() if k.isupper()}
    except Exception as error:
        raise ConfigError(f"{path} could not be read: {error}.") from error


def _look_up(name: str, sources: list[Mapping[str, Any]], is_secret: bool = False) -> Any:
    """Return the first value that a source holds, secrets also from the file that `NAME_FILE` names."""
    for source in sources:
        if source.get(name) not in (None, ""):
            return source[name]
        file = source.get(f"{name}_FILE") if is_secret else None
        if file:
            try:
                return Path(file).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise ConfigError(f"{name}_FILE names {file}, which can't be read: {error.strerror}.") from error
    return None


def _read(setting: Setting, sources: list[Mapping[str, Any]]) -> Any:
    value = _look_up(setting.name, sources, setting.secret)
    text = setting.default if value is None else str(value).strip()
    if setting.kind == "count":
        if not (text.isascii() and text.isdigit()):
            raise ConfigError(f"{setting.name} is “{text}”: it has to be a whole number, 0 or more.")
        return int(text)
    if setting.kind == "share":
        return _share(setting.name, text)
    if setting.kind == "switch":
        return text.lower() in ("1", "true", "yes", "on")
    if setting.kind == "list":
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _share(name: str, text: str) -> float:
    with suppress(ValueError):
        if 0 <= (share := float(text)) <= 1:
            return share
    raise ConfigError(f"{name} is “{text}”: it has to be a number from 0 to 1, such as 0.01.")


def _own_address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _public_url(url: str) -> str:
    """Return the address that links begin with, without the slash at its end; "" where none is set."""
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
        has_more = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    except ValueError:
        is_whole, has_more = None, ""
    if not is_whole or has_more or not url.isprintable() or " " in url:
        raise ConfigError("PUBLIC_URL is no address: write https:// and the host's name, as in https://hr.example.com.")
    return f"{parts.scheme}://{parts.netloc}"


def _storage_url(url: str, instance: Path) -> str:
    """Return `url`, or that of a folder in the instance folder; the rest of it is read by the store itself."""
    if url and not url.lower().startswith(("file:", "s3:")):
        raise ConfigError("STORAGE_URL is neither file:///… nor s3://bucket/…: see “Storage” in docs/operations.md.")
    return url or (instance / "storage").as_uri()


def _database_url(url: str, name: str, instance: Path) -> str:
    """Return the `url` of setting `name` with the driver we ship for it, or SQLite in the instance folder."""
    if not url:
        return f"sqlite:///{instance / 'rollcall.sqlite3'}"
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in DIALECTS:
        known = "sqlite:///…, mysql+pymysql://… or postgresql+psycopg://…"
        raise ConfigError(f"{name} begins with “{scheme[:20]}”, which is no database we know: use {known}.")
    if rest.count("@") > 1:
        raise ConfigError(f"{name} holds more than one “@”: write an “@” inside a user name or password as %40.")
    return f"{DIALECTS[scheme]}://{rest}"


def _look_at_redis_url(url: str) -> None:
    """Stop where a URL can't be meant; no part of it is repeated, for any may hold the password."""
    if not url:
        return
    scheme, _, rest = url.partition("://")
    if scheme not in REDIS_FORMS:
        known = ", ".join(f"{name}://…" for name in REDIS_FORMS)
        raise ConfigError(f"REDIS_URL begins with nothing we know: use one of {known}.")
    place, _, query = rest.partition("?")
    address, _, path = place.partition("/")
    hosts = address.rpartition("@")[2]
    is_one = scheme != SENTINELS
    parts = {
        "host and port": all(_is_host(host) for host in hosts.split(",")) and not (is_one and "," in hosts),
        "number of a database": re.fullmatch(r"\d{0,5}/?" if is_one else r"([^/]+(/\d{1,5})?)?/?", path),
        "option after the “?”": {name for name, _ in parse_qsl(query, keep_blank_values=True)} <= REDIS_OPTIONS[scheme],
    }
    wrong = next((part for part, is_good in parts.items() if not is_good), None)
    if wrong:
        form = f"{REDIS_FORMS[scheme]}, and “/”, “?” and “%” in a password as %2F, %3F and %25"
        known = ", ".join(sorted(REDIS_OPTIONS[scheme])) or "none"
        raise ConfigError(f"The {wrong} in REDIS_URL can't be used: write {form}; options: {known}.")


def _is_host(text: str) -> bool:
    """Say whether this is a name or an address, an IPv6 one in brackets, perhaps with a port."""
    found = re.fullmatch(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+)(?::([0-9]{1,5}))?", text)
    return found is not None and (found[1] is None or 0 < int(found[1]) < 65536)


def _secret_key(key: str, profile: str, instance: Path) -> str:
    """Return the secret key: as set, or (except in production) made once and kept in the instance folder."""
    if key:
        return key
    if profile == "testing":
        return secrets.token_hex(32)
    if profile == "production":
        raise ConfigError(
            "SECRET_KEY is not set: give every server the same one, for example made by "
            "python3 -c 'import secrets; print(secrets.token_hex(32))'."
        )
    path = instance / "secret_key"
    try:
        instance.mkdir(parents=True, exist_ok=True)
        # Written whole under another name and linked: two first starts at once agree on one key.
        fresh = instance / f".secret_key-{os.getpid()}"
        if not path.exists():
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
                file.write(secrets.token_hex(32))
            try:
                os.link(fresh, path)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise ConfigError(
            f"{instance} can't be written ({error.strerror}): make it writable or name another folder by INSTANCE_PATH."
        ) from error

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import config
from app import create_app
from app.core.version import VERSION
from app.extensions import db
from config import load_config

ROOT = Path(__file__).parents[1]


@pytest.fixture
def dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of the `.env` that is read instead of this checkout's, and empty the environment."""
    monkeypatch.setattr(config, "ROOT", tmp_path)
    for setting in config.SETTINGS:
        monkeypatch.delenv(setting.name, raising=False)
        monkeypatch.delenv(f"{setting.name}_FILE", raising=False)
    return tmp_path / ".env"


def settings(tmp_path: Path, **environ: str) -> dict[str, Any]:
    return load_config(environ={"INSTANCE_PATH": str(tmp_path / "instance"), **environ})


def refusal(tmp_path: Path, **environ: str) -> str:
    with pytest.raises(SystemExit) as caught:
        settings(tmp_path, **environ)
    sentence = str(caught.value.code)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_nothing_set_is_safe_and_needs_nothing(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert found["DATABASE_URL"] == f"sqlite:///{tmp_path}/instance/rollcall.sqlite3"
    assert (found["DEBUG"], found["TESTING"], found["HOST"], found["PORT"]) == (False, False, "127.0.0.1", 5000)
    assert (found["TRUSTED_PROXIES"], found["METRICS_ALLOWED"]) == (0, ["127.0.0.1", "::1"])


def test_secret_key_is_made_once_for_the_owner_only(tmp_path: Path) -> None:
    key = settings(tmp_path)["SECRET_KEY"]
    file = tmp_path / "instance" / "secret_key"
    assert len(key) == 64
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert settings(tmp_path)["SECRET_KEY"] == key
    assert [path.name for path in file.parent.iterdir()] == ["secret_key"]


def test_first_starts_at_once_agree_on_one_key(tmp_path: Path) -> None:
    code = "from config import load_config; print(load_config()['SECRET_KEY'])"
    environment = {"PATH": os.environ["PATH"], "INSTANCE_PATH": str(tmp_path / "instance")}
    started = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    keys = {process.communicate()[0] for process in started}
    assert [process.returncode for process in started] == [0] * 4
    assert len(keys) == 1
    assert keys != {""}


def test_profiles_differ_in_debugging_and_in_what_they_need(tmp_path: Path) -> None:
    assert settings(tmp_path, FLASK_CONFIG="development")["DEBUG"] is True
    assert settings(tmp_path, FLASK_CONFIG="testing")["TESTING"] is True
    assert settings(tmp_path, FLASK_CONFIG="production", SECRET_KEY="k" * 40)["DEBUG"] is False
    assert not (tmp_path / "instance" / "config.py").exists()


def test_unknown_profile_is_one_sentence_with_the_known_ones(tmp_path: Path) -> None:
    sentence = refusal(tmp_path, FLASK_CONFIG="staging")
    assert sentence == (
        "FLASK_CONFIG is “staging”, which is no profile: use development, testing, production or leave it out."
    )


def test_production_without_secret_is_one_sentence(tmp_path: Path) -> None:
    assert refusal(tmp_path, FLASK_CONFIG="production").startswith("SECRET_KEY is not set")
    assert not (tmp_path / "instance").exists()


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"DATABASE_URL": "oracle://ana:S3cret@here/x"}, "DATABASE_URL begins with “oracle”"),
        ({"DATABASE_URL": "no url at all"}, "DATABASE_URL begins with"),
        ({"DATABASE_URL": "mysql://ana:S3@cret@here/x"}, "write an “@” inside a user name or password as %40"),
        ({"STORAGE_URL": "ftp://ana:S3cret@here/x"}, "STORAGE_URL is neither file:///… nor s3://bucket/…"),
        ({"STORAGE_URL": "/var/lib/S3cret"}, "STORAGE_URL is neither file:///… nor s3://bucket/…"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT is “xml”"),
        ({"PORT": "http"}, "PORT is “http”"),
        ({"PORT": "-1"}, "PORT is “-1”"),
        ({"DEMO": "²"}, "DEMO is “²”"),
        ({"TRUSTED_PROXIES": "yes"}, "TRUSTED_PROXIES is “yes”"),
        ({"SECRET_KEY_FILE": "/nowhere/at/all"}, "SECRET_KEY_FILE names /nowhere/at/all, which can't be read"),
        ({"REDIS_URL": "http://ana:S3cret@here"}, "REDIS_URL begins with nothing we know"),
        ({"REDIS_URL": "redis:6379"}, "use one of redis://…, rediss://…, redis+sentinel://…"),
        (
            {"REDIS_URL": "redis://:S3cret@"},
            "host and port in REDIS_URL can't be used: write redis://user:password@host",
        ),
        ({"REDIS_URL": "redis://:S3cret@here:0/0"}, "host and port in REDIS_URL"),
        ({"REDIS_URL": "rediss://:S3cret@here:70000/0"}, "host and port in REDIS_URL"),
        ({"REDIS_URL": "redis://:S3cret@here:http/0"}, "host and port in REDIS_URL"),
        ({"REDIS_URL": "redis://:S3/cret@here:6379/0"}, "“/”, “?” and “%” in a password as %2F, %3F and %25"),
        ({"REDIS_URL": "redis://:S3cret@one,two/0"}, "host and port in REDIS_URL"),
        ({"REDIS_URL": "redis+sentinel://:S3cret@one,,two/mymaster"}, "@host1:26379,host2:26379/mymaster/0"),
        ({"REDIS_URL": "redis://:S3cret@here/staff"}, "number of a database in REDIS_URL"),
        ({"REDIS_URL": "redis+sentinel://:S3cret@here/mymaster/x"}, "number of a database in REDIS_URL"),
        ({"REDIS_URL": "redis://here/0?password=S3cret"}, "options: none"),
        (
            {"REDIS_URL": "rediss://here/0?socket_timeout=5"},
            "options: ssl_ca_certs, ssl_cert_reqs, ssl_certfile",
        ),
        ({"MAIL_URL": "imap://ana:S3cret@here"}, "MAIL_URL is neither smtp://…, smtps://… nor file:///…"),
        ({"MAIL_URL": "file://here/mail"}, "MAIL_URL is neither"),
        ({"PUBLIC_URL": "hr.example.com"}, "PUBLIC_URL is no address: write https://"),
        ({"PUBLIC_URL": "ftp://hr.example.com"}, "PUBLIC_URL is no address"),
        ({"PUBLIC_URL": "https://"}, "PUBLIC_URL is no address"),
        ({"PUBLIC_URL": "https://hr.example.com/rollcall"}, "PUBLIC_URL is no address"),
        ({"PUBLIC_URL": "https://hr.example.com?a=b"}, "PUBLIC_URL is no address"),
        ({"PUBLIC_URL": "https://ana:S3@hr.example.com"}, "PUBLIC_URL is no address"),
        ({"PUBLIC_URL": "https://hr.example.com:x"}, "PUBLIC_URL is no address"),
        ({"PUBLIC_URL": "https://hr.example.com\nBcc: x"}, "PUBLIC_URL is no address"),
        ({"INSTANCE_PATH": "/dev/null/instance"}, "/dev/null/instance can't be written"),
    ],
)
def test_setting_that_can_not_be_used_is_one_sentence(tmp_path: Path, environ: dict[str, str], words: str) -> None:
    sentence = refusal(tmp_path, **environ)
    assert words in sentence
    assert "cret" not in sentence.replace("SECRET", "")


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("mysql://a:p%40ss@here:3307/x", "mysql+pymysql://a:p%40ss@here:3307/x"),
        ("mariadb://a@here/x", "mysql+pymysql://a@here/x"),
        ("mysql+pymysql://a@here/x?ssl_ca=/ca.pem", "mysql+pymysql://a@here/x?ssl_ca=/ca.pem"),
        ("postgres://a@here/x", "postgresql+psycopg://a@here/x"),
        ("postgresql://a@here/x", "postgresql+psycopg://a@here/x"),
        ("sqlite:////var/lib/x.sqlite3", "sqlite:////var/lib/x.sqlite3"),
    ],
)
def test_usual_spellings_of_databases_are_understood(tmp_path: Path, url: str, meant: str) -> None:
    assert settings(tmp_path, DATABASE_URL=url)["DATABASE_URL"] == meant


def test_links_begin_with_the_address_that_is_set_or_served(tmp_path: Path) -> None:
    assert settings(tmp_path)["PUBLIC_URL"] == "http://127.0.0.1:5000"
    assert settings(tmp_path, HOST="::1", PORT="80")["PUBLIC_URL"] == "http://[::1]:80"
    for written in ("https://hr.example.com", "https://hr.example.com/", "https://hr.example.com:8443"):
        assert settings(tmp_path, PUBLIC_URL=written)["PUBLIC_URL"] == written.rstrip("/")


def test_environment_comes_before_dotenv_before_the_instance_before_defaults(
    tmp_path: Path, dotenv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def currency_and_email() -> tuple[str, str]:
        found = load_config()
        return found["DEFAULT_CURRENCY"], found["ADMIN_EMAIL"]

    assert currency_and_email() == ("USD", "admin@rollcall.example")
    (tmp_path / "instance" / "config.py").write_text(
        "DEFAULT_CURRENCY = 'CHF'\nADMIN_EMAIL = 'instance@x.org'\nlower = 1\n"
    )
    assert currency_and_email() == ("CHF", "instance@x.org")
    dotenv.write_text("DEFAULT_CURRENCY=EUR\n")
    assert currency_and_email() == ("EUR", "instance@x.org")
    monkeypatch.setenv("DEFAULT_CURRENCY", "JPY")
    assert currency_and_email() == ("JPY", "instance@x.org")
    monkeypatch.setenv("DEFAULT_CURRENCY", "")  # set to nothing is not set, as compose files write it
    assert currency_and_email() == ("EUR", "instance@x.org")
    assert load_config(DEFAULT_CURRENCY="SEK")["DEFAULT_CURRENCY"] == "SEK"


def test_instance_folder_of_dotenv_is_used(tmp_path: Path, dotenv: Path) -> None:
    dotenv.write_text(f"INSTANCE_PATH={tmp_path / 'other'}\nFLASK_CONFIG=development\n")
    found = load_config()
    assert (found["INSTANCE_PATH"], found["DEBUG"]) == (str(tmp_path / "other"), True)


def test_tests_read_neither_dotenv_nor_the_instance(tmp_path: Path, dotenv: Path) -> None:
    dotenv.write_text("DEFAULT_CURRENCY=EUR\n")
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance" / "config.py").write_text("DEFAULT_CURRENCY = 'CHF'\n")
    assert load_config("testing")["DEFAULT_CURRENCY"] == "USD"


def test_broken_instance_settings_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "instance").mkdir()
    file = tmp_path / "instance" / "config.py"
    file.write_text("PORT = 1 / 0\n")
    assert refusal(tmp_path) == f"{file} could not be read: division by zero."


def test_secret_is_read_from_the_file_that_is_named(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(" from-the-file \n")
    urls = ("DATABASE_URL", "MIGRATION_DATABASE_URL", "REDIS_URL", "MAIL_URL", "STORAGE_URL")
    names = [setting.name for setting in config.SETTINGS if setting.secret and setting.name not in urls]
    found = settings(tmp_path, **{f"{name}_FILE": str(file) for name in names})
    assert {name: found[name] for name in names} == dict.fromkeys(names, "from-the-file")
    assert settings(tmp_path, SECRET_KEY="given", SECRET_KEY_FILE=str(file))["SECRET_KEY"] == "given"
    file.write_text("mysql://a@here/x\n")
    for name in ("DATABASE_URL", "MIGRATION_DATABASE_URL"):
        assert settings(tmp_path, **{f"{name}_FILE": str(file)})[name] == "mysql+pymysql://a@here/x"
    file.write_text("redis+sentinel://ana:se:cr@et@[::1]:26379,here/mymaster/0?sentinel_password=secret\n")
    assert settings(tmp_path, REDIS_URL_FILE=str(file))["REDIS_URL"] == file.read_text().strip()
    file.write_text("smtp://ana:secret@here\n")
    assert settings(tmp_path, MAIL_URL_FILE=str(file))["MAIL_URL"] == "smtp://ana:secret@here"
    file.write_text("s3://ana:secret@bucket\n")
    assert settings(tmp_path, STORAGE_URL_FILE=str(file))["STORAGE_URL"] == "s3://ana:secret@bucket"


def test_switches_counts_and_lists_are_read(tmp_path: Path) -> None:
    found = settings(tmp_path, SERVER_TIMING="Yes", PORT=" 8080 ", METRICS_ALLOWED="10.0.0.0/8, ::1,")
    assert (found["SERVER_TIMING"], found["PORT"], found["METRICS_ALLOWED"]) == (True, 8080, ["10.0.0.0/8", "::1"])
    assert settings(tmp_path, SERVER_TIMING="0")["SERVER_TIMING"] is False


def test_two_applications_in_one_process_share_nothing(tmp_path: Path) -> None:
    apps = [
        create_app(
            load_config(
                "testing", environ={}, DATABASE_URL=f"sqlite:///{tmp_path / name}", INSTANCE_PATH=tmp_path / name
            )
        )
        for name in ("one", "other")
    ]
    one, other = apps
    assert one.config["SECRET_KEY"] != other.config["SECRET_KEY"]
    assert one.config["INSTANCE_PATH"] != other.config["INSTANCE_PATH"]
    assert one.extensions["metrics"].registry is not other.extensions["metrics"].registry
    assert one.before_request_funcs is not other.before_request_funcs
    databases = []
    for app in apps:
        with app.app_context():
            databases.append(db.engine.url.database)
            with db.engine.begin() as connection:
                connection.exec_driver_sql("CREATE TABLE only_here (id INTEGER)")
            db.engine.dispose()
    assert databases == [str(tmp_path / "one"), str(tmp_path / "other")]
    for app in apps:
        assert [app.test_client().get("/healthz").status_code for _ in range(2)] == [200, 200]


def test_unknown_profile_ends_the_command_with_that_sentence_alone() -> None:
    environment = {"PATH": os.environ["PATH"], "FLASK_CONFIG": "staging"}
    command = [sys.executable, "-m", "flask", "--app", "run", "check"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "FLASK_CONFIG is “staging”" in done.stderr


def test_version_is_the_one_of_the_package() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'\nversion = "{VERSION}"\n' in text

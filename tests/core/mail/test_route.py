"""What `MAIL_URL` may say, and what is said about one that can't be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.mail import Post
from app.core.mail.route import Folder, Server, route_of, sender_of
from tests.applications import application


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("smtp://mail.example.com", Server("mail.example.com", 587)),
        ("smtps://mail.example.com", Server("mail.example.com", 465, is_tls_first=True)),
        ("smtp://a%40b:p%2F%40%3A@mail.example.com:2525", Server("mail.example.com", 2525, "a@b", "p/@:")),
        (
            "smtp://mail.example.com?ca=/etc/ca.pem&timeout=2.5",
            Server("mail.example.com", 587, ca="/etc/ca.pem", timeout=2.5),
        ),
        ("smtp://localhost:25?starttls=no", Server("localhost", 25, is_plain=True)),
        ("smtp://[::1]:25?starttls=no", Server("::1", 25, is_plain=True)),
        ("smtp://relay:25?starttls=no&insecure=yes", Server("relay", 25, is_plain=True)),
        ("smtp://pöst.example", Server("xn--pst-sna.example", 587)),
        ("file:///var/lib/my%20mail", Folder(Path("/var/lib/my mail"))),
    ],
)
def test_url_leads_where_it_says(url: str, meant: Server | Folder) -> None:
    assert route_of(url) == meant


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("imap://mail.example.com", "is neither smtp://…, smtps://… nor file:///…"),
        ("smtp://", "names no mail server"),
        ("smtp://ana:S3cret@:25", "names no mail server"),
        ("smtp://mail.example.com/S3cret", "names no mail server"),
        ("smtp://ana:S3cret/x@mail.example.com", "has no port that can be read"),
        ("smtp://ana:S3#cret@mail.example.com", "has no port that can be read"),
        ("smtp://ana:S3?cret@mail.example.com", "is no URL that can be read"),
        ("smtp://ana:[S3cret@mail.example.com", "is no URL that can be read"),
        ("smtp://ana:Sécret@mail.example.com", "use ASCII"),
        ("smtp://mail.example.com:x", "has no port"),
        ("smtp://mail.example.com?tls=no", "has an option “tls” that is none of ca, from, insecure, starttls, timeout"),
        ("smtp://mail.example.com?ca=", "has no value for “ca”"),
        ("smtp://localhost?starttls=maybe", "takes yes or no"),
        ("smtp://mail.example.com?starttls=no", "unencrypted to another machine"),
        ("smtp://mail.example.com?timeout=0", "takes seconds up to 60"),
        ("smtp://mail.example.com?timeout=nan", "takes seconds up to 60"),
        ("file://elsewhere/mail", "needs a whole path"),
        ("file:///", "needs a whole path"),
    ],
)
def test_url_that_can_not_be_used_is_told_without_its_password(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        Post(url, "https://hr.example.com")
    assert words in str(refused.value)
    assert "cret" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "sender", ["hr", "a@b.example, c@d.example", "hr@x.example%0ABcc: a@b.example", "HR <hr>", "@"]
)
def test_sender_is_one_address(sender: str) -> None:
    with pytest.raises(ValueError, match="“from”"):
        sender_of(f"smtp://mail.example.com?from={sender}", "rollcall@hr.example.com")


@pytest.mark.parametrize(
    ("public_url", "domain"),
    [
        ("https://hr.example.com", "hr.example.com"),
        ("https://hr.bücher.example:8443", "hr.xn--bcher-kva.example"),
        ("http://127.0.0.1:5000", "localhost"),
        ("http://[::1]:5000", "localhost"),
    ],
)
def test_messages_are_from_the_host_that_people_know(public_url: str, domain: str) -> None:
    post = Post("smtp://mail.example.com", public_url)
    assert (post.domain, post.sender) == (domain, f"rollcall@{domain}")


def test_start_with_a_url_that_can_not_be_used_is_one_sentence() -> None:
    with (
        pytest.raises(SystemExit, match=r"^MAIL_URL names no mail server: .*\.$"),
        application("sqlite://", MAIL_URL="smtp://"),
    ):
        pass

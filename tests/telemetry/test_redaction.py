"""Which texts lose what, and how long that takes."""

from __future__ import annotations

import contextlib
import hashlib
import re
import signal
import string
from collections.abc import Callable, Iterator
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commander.telemetry.redaction import (
    MOST_COMMAND_CHARACTERS,
    loggable_command,
    mask_secrets,
)

LETTERS_AND_DIGITS = string.ascii_letters + string.digits
SHAPES = [
    # by name
    "DB_PASSWORD={} ls",
    "export GITHUB_TOKEN={}",
    "env client_secret='{}' make",
    'PGPASSWORD="{}" psql',
    "MYSQL_PWD={}; ls",
    "Server=db;Uid=sa;pwd={};",
    "DB_PW={}",
    "DB_PASS={}",
    "API_KEY={}",
    "APIKEY={}",
    "AWS_SECRET_ACCESS_KEY={}",
    "STRIPE_PRIVATE_KEY={}",
    "GOOGLE_CREDENTIALS={}",
    "PASSPHRASE={}",
    "npm config set //registry.example.org/:_authToken={}",
    "sh -c 'TOKEN={}'",
    "kubectl create secret generic x --from-literal=password={}",
    "AccountName=x;AccountKey={};EndpointSuffix=y",
    "password = {}",
    # by flag
    "login --password {} --verbose",
    "login --password={}",
    "login --password '{}' x",
    "vault login -token={}",
    "x --api-key {}",
    "x --client-secret={}",
    "x --bearer {}",
    # by header, query, JSON
    "curl -H 'Authorization: Bearer {}' https://example.org",
    'curl -H "authorization: basic {}" https://example.org',
    "curl -H Authorization:\\ Bearer\\ {} https://example.org",
    "http example.org Authorization:{}",
    "curl -H 'X-MCP-Auth-Token: {}' https://example.org",
    "curl -H X-Vault-Token:{} https://example.org",
    "curl -H 'Cookie: theme=dark; session={}'",
    "curl 'https://example.org/?access_token={}&page=1'",
    "curl 'https://bucket.example.org/x?X-Amz-Signature={}'",
    "curl 'https://account.example.org/x?sv=1&sig={}'",
    """curl -d '{{"password": "{}", "name": "x"}}'""",
    r'curl -d "{{\"password\":\"{}\"}}"',
    # by place
    "mysql -u root -p{} shop",
    "mysqldump -p'{}' shop",
    "sshpass -p {} ssh host",
    "sshpass -p'{}' ssh host",
    "redis-cli -a {} ping",
    "docker login -u me -p {} registry.example.org",
    "curl -u me:{} https://example.org",
    "curl -sSu 'me:{}' https://example.org",
    "curl --user me:{} https://example.org",
    "curl --proxy-user=me:{} https://example.org",
    "git clone https://me:{}@example.org/x.git",
    "psql postgresql://me:{}@db/shop",
    "redis-cli -u redis://:{}@cache",
]
PREFIXES = [
    "AKIA{}",
    "ASIA{}",
    "AIza{}",
    "ghp_{}",
    "gho_{}",
    "github_pat_{}",
    "glpat-{}",
    "sk-{}",
    "sk-ant-{}",
    "sk_live_{}",
    "xoxb-{}",
    "xoxp-{}",
    "npm_{}",
    "hf_{}",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.{}",
]
HOSTILE = [
    *(
        "a",
        "_",
        "=",
        ":",
        "-",
        ".",
        "@",
        "\\",
        '"',
        "'",
        "`",
        "$(",
        " ",
        "\n",
        "0",
        "/",
    ),
    *("://", "://a:", "eyJ", ".eyJ.a", "-eyJ", "sk-", "AKIA", "xoxb-"),
    *("token", "token=", 'token="', "token='", "token \\", "key ", "KEY: ", "pass"),
    *("--password ", "-p", " -p", "mysql ", "curl ", " -u ", " -a", "sshpass ", "; a="),
    *("Authorization: ", "Bearer ", "Cookie: ", "a=b; "),
    *("-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "-----END ", "PRIVATE KEY-----"),
]
LONG = 64 * 1024


def secrets(
    alphabet: str = LETTERS_AND_DIGITS, least: int = 16
) -> st.SearchStrategy[str]:
    """Texts that no shape contains, as none holds the two last characters."""
    return st.text(alphabet, min_size=least, max_size=40).map(lambda text: f"{text}Q7")


@contextlib.contextmanager
def at_most_processor_seconds(seconds: float) -> Iterator[None]:
    """Bound a call: a rule that is not linear would take minutes or hours."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"not done after {seconds} s of processor time")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@given(secret=secrets(least=6))
def test_a_secret_in_a_known_shape_is_not_shown(secret: str) -> None:
    for shape in SHAPES:
        masked = mask_secrets(shape.format(secret))

        assert secret not in masked, shape
        assert "***" in masked, shape


def test_the_bound_on_processor_time_ends_a_slow_rule() -> None:
    with pytest.raises(TimeoutError), at_most_processor_seconds(0.05):
        re.match("(a|a)*b", "a" * 40)


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if "Cookie" not in shape])
def test_what_stands_before_a_secret_stays(shape: str) -> None:
    before, _, _ = shape.partition("{}")
    before = before.format().rstrip("\"'\\")

    assert mask_secrets(shape.format("Zm9vYmFyMTIz")).startswith(before)


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if "{} " in shape])
def test_what_stands_behind_a_secret_stays(shape: str) -> None:
    _, _, after = shape.partition("{}")

    assert mask_secrets(shape.format("Zm9vYmFyMTIz")).endswith(f"***{after}")


@given(secret=secrets())
def test_a_key_is_known_by_its_prefix(secret: str) -> None:
    for shape in PREFIXES:
        masked = mask_secrets(f"echo {shape.format(secret)} | cat")

        assert secret not in masked, shape
        assert masked.startswith(f"echo {shape[:3]}"), shape
        assert masked.endswith("*** | cat"), shape


@pytest.mark.parametrize("words", ["key", "api key:", "Token", "signature =", "auth"])
def test_a_long_value_behind_a_key_word_is_masked(words: str) -> None:
    digest = hashlib.sha256(words.encode()).hexdigest()

    assert mask_secrets(f"{words} {digest}") == f"{words} ***"


@given(secret=st.text(st.characters(exclude_characters="'"), min_size=1))
def test_a_value_in_single_quotes_is_masked_whole(secret: str) -> None:
    assert mask_secrets(f"TOKEN='{secret}' next").endswith("TOKEN=*** next")


@given(secret=st.text(min_size=1))
def test_a_value_in_double_quotes_is_masked_whole(secret: str) -> None:
    quoted = "".join(f"\\{c}" if c in '\\"`$' else c for c in secret)

    assert mask_secrets(f'TOKEN="{quoted}" next').endswith("TOKEN=*** next")


def test_a_private_key_is_masked_to_its_end() -> None:
    key = (
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIB\nAAKC\n-----END RSA PRIVATE KEY-----"
    )

    assert mask_secrets(f"echo '{key}' > id; ls") == (
        "echo '-----BEGIN RSA PRIVATE KEY-----***' > id; ls"
    )


def test_a_private_key_without_an_end_is_masked_to_the_end_of_the_text() -> None:
    assert mask_secrets("-----BEGIN PRIVATE KEY-----\nMIIE; ls") == (
        "-----BEGIN PRIVATE KEY-----***"
    )


@pytest.mark.parametrize(
    "command",
    [
        "ls -la /tmp | sort -u",
        "cd $PWD && PWD=/tmp OLDPWD=/ ls",
        "mkdir -p build && cp -p a b",
        "mysql -p shop",
        "date -u +%H:%M",
        "docker run -u 1000:1000 -p 80:80 image",
        "git log --author=me --grep=authority",
        "docker login --password-stdin registry.example.org",
        "GITHUB_TOKEN_FILE=/run/secrets/github ls",
        'TOKEN="$(aws secretsmanager get-secret-value)" make',
        "TOKEN=`cat token` make",
        "npm_config_registry=https://registry.example.org npm install",
        "git clone https://me@example.org/x.git",
        "https://example.org:8080/@scope/name",
        "ssh-keygen -f key /home/me/a-rather-long-path-2",
        "echo the key question everyone-has-to-answer",
        "TOKEN= ls",
        "",
    ],
)
def test_ordinary_commands_are_left_alone(command: str) -> None:
    assert mask_secrets(command) == command


def test_a_command_run_for_its_secret_can_still_be_read() -> None:
    assert mask_secrets("PASSWORD=abc$(cat x) ls") == "PASSWORD=***$(cat x) ls"
    assert mask_secrets('PASSWORD="abc$(cat x)" ls') == 'PASSWORD=***$(cat x)" ls'


@given(st.text())
def test_masking_twice_is_masking_once_for_any_text(text: str) -> None:
    masked = mask_secrets(text)

    assert mask_secrets(masked) == masked


@pytest.mark.parametrize("fragment", HOSTILE)
def test_a_long_run_of_anything_takes_linear_time(fragment: str) -> None:
    with at_most_processor_seconds(5):
        assert mask_secrets((fragment * LONG)[:LONG])


@given(
    start=st.sampled_from(HOSTILE),
    cycle=st.lists(st.sampled_from(HOSTILE), min_size=2, max_size=4),
)
@settings(max_examples=40)
def test_a_long_hostile_text_takes_linear_time(start: str, cycle: list[str]) -> None:
    with at_most_processor_seconds(5):
        assert mask_secrets((start + "".join(cycle) * LONG)[:LONG])


def test_a_masked_command_shows_its_secrets_masked() -> None:
    assert loggable_command("TOKEN=abc ls", "masked") == "TOKEN=*** ls"


def test_a_full_command_shows_everything() -> None:
    assert loggable_command("TOKEN=abc ls", "full") == "TOKEN=abc ls"


@pytest.mark.parametrize("recased", [str.lower, str.upper, str.swapcase])
@pytest.mark.parametrize(
    "prefix",
    [
        *("AKIA", "ASIA", "gho_", "ghp_", "ghr_", "ghs_", "ghu_", "hf_", "npm_"),
        *("rk_live_", "rk_test_", "sk_live_", "sk_test_", "AIza", "dckr_pat_"),
        *("github_pat_", "glpat-", "pypi-", "sk-", "xoxb-", "xoxp-"),
    ],
)
def test_every_known_prefix_of_a_key_is_known_in_any_case(
    prefix: str, recased: Callable[[str], str]
) -> None:
    key = recased(prefix)

    assert mask_secrets(f"x {key}0123456789abcdefghij y") == f"x {key}*** y"


def test_a_hashed_command_is_its_sha256_in_letters() -> None:
    digest = hashlib.sha256(b"uname -a").hexdigest()

    name, _, letters = loggable_command("uname -a", "hash").partition(":")

    assert name == "sha256"
    assert letters.isalpha()
    assert letters.translate(str.maketrans("ghijklmnop", "0123456789")) == digest


def test_a_command_that_is_no_utf_8_has_a_hash() -> None:
    assert loggable_command("ls \udcff", "hash") != loggable_command("ls", "hash")


@pytest.mark.parametrize("mode", ["full", "masked"])
def test_a_long_command_is_cut_with_its_length(mode: str) -> None:
    most = "x" * MOST_COMMAND_CHARACTERS

    assert loggable_command(most, mode) == most
    assert loggable_command(f"{most}y", mode) == f"{most}… (2001 characters in all)"


def test_what_is_too_far_behind_to_be_searched_is_not_shown() -> None:
    command = f"TOKEN='{'x' * 65_000}' y{'y' * 600} hunter2"

    shown = loggable_command(command, "masked")

    assert shown.startswith("TOKEN=*** yyy")
    assert shown.endswith("y… (65618 characters in all)")

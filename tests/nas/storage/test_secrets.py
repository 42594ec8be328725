"""No password of a database URL is shown, in whatever way the URL is written or wrong."""

import pytest

from nas.__main__ import run
from nas.storage.secrets import scrubbed, without_password

URLS = [
    "postgresql+psycopg://ann:hunter2x@127.0.0.1:1/nas",
    "postgresql+psycopg://ann:h{unter2}x@127.0.0.1:1/nas",
    "postgresql+psycopg://ann:{hunter2x}@127.0.0.1:1/nas",
    "postgresql+psycopg://ann:hunter2x@hunter2y@127.0.0.1:1/nas",
    "postgresql+psycopg://ann:hunter2x%40hunter2y@127.0.0.1:1/nas",
    "postgresql+psycopg://ann:hunter2x/hunter2y@127.0.0.1:1/nas",
    "postgresql+psycopg://ann:hunter2x#?hunter2y@127.0.0.1:1/nas",
    "postgresql+psycopg://ann:hunter2x/nas",
    "postgresql+psycopg://ann:hunter2x",
    "postgresql+psycopg://127.0.0.1:1/nas?user=ann&password=hunter2x",
    "postgresql+psycopg://127.0.0.1:1/nas?sslpassword=hunter2x&passfile=/hunter2y",
    "postgresql+psycopg://127.0.0.1:1/nas?options=-c%20app.token=hunter2x",
    "mysql://ann:hunter2x@127.0.0.1/nas",
    "postgres://ann:hunter2x@127.0.0.1/nas",
    "postgresql+nodriver://ann:hunter2x@127.0.0.1/nas",
    "://ann:hunter2x@127.0.0.1/nas",
    "ann:hunter2x@127.0.0.1/nas",
    "postgresql:/ann:hunter2x@127.0.0.1/nas",
    "postgresql+psycopg://ann:hunter2x@[::1/nas",
    "host=127.0.0.1 port=1 password=hunter2x",
]


@pytest.mark.parametrize("url", URLS)
def test_no_command_shows_a_password(url: str, capsys: pytest.CaptureFixture[str], caplog):
    assert run(["studies", "--storage", url]) == 2
    seen = capsys.readouterr()
    assert seen.err.count("\n") == 1
    assert "hunter2" not in seen.out + seen.err + caplog.text
    assert "{" not in seen.err


def test_a_url_without_secrets_is_shown_whole():
    for url in ("sqlite:///nas.db", "postgresql+psycopg://ann@host:5432/nas?sslmode=require", "nonsense"):
        assert without_password(url) == url


def test_a_driver_that_quotes_a_password_is_scrubbed():
    url = "postgresql://ann:a%20b%2Fcdef@host/nas?options=geheim"
    for quoted in ("a%20b%2Fcdef", "a b/cdef", "cdef", "geheim"):
        assert quoted not in scrubbed(f'invalid "{quoted}" given', url)


@pytest.mark.parametrize("name", ["{run}.db", "{}.db", "{0.real}.db", "a}b.db", "{{x}}.db"])
def test_a_file_name_with_braces_is_taken_as_it_is(tmp_path, name: str):
    from nas.storage.optuna_storage import open_storage
    from nas.storage.store import Store

    url = f"sqlite:///{tmp_path}/{name}"
    open_storage(url).engine.dispose()
    with Store(url):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {name}
    assert run(["studies", "--storage", url]) == 0

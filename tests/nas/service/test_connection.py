"""A client says in one line what is wrong with a server, and takes the token nowhere else."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from nas.service.client import Client
from nas.service.connection import ServiceError


@contextmanager
def server(answer):
    """Yield the address of a server that answers by a function, and the headers that it was sent."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(dict(self.headers))
            answer(self)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}", seen
        finally:
            listening.shutdown()
            thread.join()


def sends(status, body=b"", **headers):
    """Return a function that answers so."""

    def answer(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def test_a_token_does_not_follow_an_answer_to_another_address():
    with (
        server(sends(200, b"{}")) as (elsewhere, seen),
        server(sends(302, Location=elsewhere)) as (address, _),
        pytest.raises(ServiceError, match="answered 302") as error,
    ):
        Client(address, "nas_secret").job("1")
    assert "\n" not in str(error.value)
    assert seen == []


def test_a_token_of_a_file_is_read_without_its_line_end_and_never_shown():
    with server(sends(200, b"{}")) as (address, seen):
        Client(address, "nas_secret\r\n").job("1")
        assert seen[0]["Authorization"] == "Bearer nas_secret"
        for token in ("nas_secret\nnas_secret", "nas_secret\u20ac"):
            with pytest.raises(ServiceError, match="Cannot read the token") as error:
                Client(address, token).job("1")
            assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (sends(200, b"<html>"), "answered no JSON"),
        (sends(200, b"{", Content_Length="100"), "broke off"),
    ],
)
def test_an_answer_that_is_none_is_an_error_in_a_line(answer, said):
    with server(answer) as (address, _), pytest.raises(ServiceError, match=said) as error:
        Client(address, "nas_secret").job("1")
    assert "\n" not in str(error.value)


def test_a_file_that_does_not_arrive_in_full_is_not_there(tmp_path):
    with server(sends(200, b"part", Content_Length="100")) as (address, _), pytest.raises(ServiceError):
        Client(address, "nas_secret").report("1", to=tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []

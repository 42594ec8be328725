"""Another server is told when a job ends, signed, until it takes it."""

import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from nas.service.job_queue import begin_next
from nas.service.webhook import Receiver, Webhook
from search_spaces.errors import InvalidValueError

SECRET = "0123456789abcdef"


@pytest.fixture
def receiver():
    """Return a real server with what it got; it answers with the statuses of a list, then 204."""
    got: list[tuple[str, dict[str, str], bytes]] = []
    statuses: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, dict(self.headers), body))
            self.send_response(statuses.pop(0) if statuses else 204)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def do_GET(self):
            self.do_POST()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", got, statuses
    server.shutdown()
    server.server_close()


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def webhook(table, tokens, receiver, clock):
    del tokens
    return Webhook(table, Receiver(receiver[0], SECRET), clock=lambda: clock[0])


def ended(table, state="done"):
    import socket

    job = table.submit("ann", f"ann.{state}", {"budget": ["1M-MACs"]})
    held = begin_next(table, host=socket.gethostname(), at_once=99)
    assert held is not None
    table.finish(held.job.id, held.holder, state, exit_status=0)
    return job


def test_the_end_of_a_job_is_reported_once_and_signed(table, webhook, receiver):
    open_one = table.submit("ann", "ann.open", {})
    table.cancel(open_one, "drain")
    job = ended(table, "failed")
    table.submit("ann", "ann.waits", {})
    for _ in range(3):
        webhook.step()
    sent = {headers["X-Nas-Delivery"]: (headers, body) for _, headers, body in receiver[1]}
    assert len(receiver[1]) == 2
    assert set(sent) == {open_one.id, job.id}
    headers, body = sent[job.id]
    expected = hmac.new(SECRET.encode(), headers["X-Nas-Timestamp"].encode() + b"." + body, hashlib.sha256)
    assert headers["X-Nas-Signature"] == f"sha256={expected.hexdigest()}"
    record = json.loads(body)
    assert (record["event"], record["job"]["id"], record["job"]["state"]) == ("ended", job.id, "failed")


def test_a_refused_report_is_tried_again_later_and_redirects_are_not_followed(
    table, webhook, receiver, clock
):
    receiver[2].extend([500, 302])
    ended(table)
    webhook.step()
    webhook.step()
    assert len(receiver[1]) == 1
    for seconds in (2.0, 6.0, 100.0):
        clock[0] = seconds
        webhook.step()
    assert [path for path, _, _ in receiver[1]] == ["/hook"] * 3


def test_a_receiver_that_is_away_keeps_no_job_from_ending(table, tokens):
    del tokens
    webhook = Webhook(table, Receiver("http://127.0.0.1:9/hook", SECRET))
    job = ended(table)
    webhook.step()
    assert table.get(job.id).state == "done"


def test_ends_on_other_machines_are_left_to_them_for_a_minute(table, webhook, receiver):
    table.submit("ann", "ann.there", {})
    held = begin_next(table, host="elsewhere")
    assert held is not None
    table.finish(held.job.id, held.holder, "done")
    webhook.step()
    assert receiver[1] == []


@pytest.mark.parametrize("url", ["ftp://host/x", "file:///etc/passwd", "http://", "https://me:secret@host/"])
def test_an_address_that_is_none_of_http_is_refused(url):
    with pytest.raises(InvalidValueError, match="Cannot use --webhook"):
        Receiver(url, SECRET)


def test_a_short_secret_is_refused_and_none_is_shown():
    with pytest.raises(InvalidValueError, match="NAS_WEBHOOK_SECRET"):
        Receiver("https://host/x", "short")
    assert SECRET not in repr(Receiver("https://host/x", SECRET))

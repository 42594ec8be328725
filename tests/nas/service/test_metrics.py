"""Prometheus reads the figures of the service, on this machine or as an administrator."""

import urllib.error
import urllib.request

import pytest

from nas.service.client import Client

FORWARDED = {"X-Forwarded-For": "203.0.113.9"}


def figures(served, *, token=None, headers=()):
    sent = {**dict(headers), **({} if token is None else {"Authorization": f"Bearer {token}"})}
    with urllib.request.urlopen(urllib.request.Request(f"{served[0]}/metrics", headers=sent)) as answer:
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        return answer.read().decode()


def values(text):
    """Return the figures as a Prometheus parser reads them."""
    from prometheus_client.parser import text_string_to_metric_families

    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def test_figures_count_jobs_use_and_requests(served):
    ann = Client(served[0], served[2]["ann"])
    before = values(figures(served))
    job = ann.search("1M-MACs", study="counted")
    ann.job(job["id"])
    ann.job(job["id"])
    after = values(figures(served))
    queued = ("nas_open_jobs", (("state", "queued"), ("user", "ann")))
    assert after[queued] == before.get(queued, 0) + 1
    assert after["nas_jobs", (("state", "queued"),)] == before["nas_jobs", (("state", "queued"),)] + 1
    assert after["nas_used_seconds_total", (("user", "ann"),)] == 0
    asked = (("method", "GET"), ("path", "/v1/jobs/{id}"), ("status", "200"))
    counted = "nas_request_seconds_count"
    assert after[counted, asked] == before.get((counted, asked), 0) + 2
    assert job["id"] not in figures(served)
    ann.cancel(job["id"])


def test_a_path_that_is_none_of_ours_makes_no_label_of_its_own(served):
    for path in ("/nothing", "/v1/secret-name", "/../x"):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(served[0] + path)
    text = figures(served)
    assert 'path="other"' in text
    assert "secret-name" not in text


@pytest.mark.parametrize(("user", "status"), [(None, 401), ("ann", 403), ("viewer", 403)])
def test_behind_a_proxy_figures_are_for_administrators_alone(served, user, status):
    token = None if user is None else served[2][user]
    with pytest.raises(urllib.error.HTTPError) as refused:
        figures(served, token=token, headers=FORWARDED)
    assert refused.value.code == status
    refused.value.close()
    assert "nas_jobs" in figures(served, token=served[2]["admin"], headers=FORWARDED)

"""What a report says of latencies: predicted, measured with an interval, refused."""

from dashboards.latency_table import HEAD, NetworkLatency, latency_rows, latency_summary
from dashboards.reports import REPORTS
from tests.dashboards.searches import findings, many

MET = NetworkLatency(
    trial=3,
    budget="12ms@pixel",
    predicted_ms=(10.0, 0.5),
    measured_ms=(10.4, 10.2, 10.9),
    bound_ms=11.2,
    refused=None,
    excess=-0.0667,
)
REFUSED = NetworkLatency(
    trial=1,
    budget="12ms@pixel",
    predicted_ms=(15.0, 0.9),
    measured_ms=None,
    bound_ms=None,
    refused="misses 12ms@pixel: predicted 15 ± 0.9 ms",
    excess=0.25,
)


def test_a_row_has_prediction_interval_bound_and_verdict():
    assert latency_rows([REFUSED, MET]) == [
        ["#3", "12ms@pixel", "10 ± 0.5 ms", "10.4 ms, 10.2 to 10.9", "11.2 ms", "fits, 6.7% to spare"],
        ["#1", "12ms@pixel", "15 ± 0.9 ms", "–", "–", "refused: misses 12ms@pixel: predicted 15 ± 0.9 ms"],
    ]


def test_the_summary_counts_refusals_and_judges_predictions():
    assert latency_summary([REFUSED, MET]) == [
        "1 networks met their latency and were trained; 1 were refused before training.",
        "Of 1 networks that were predicted and measured, 1 lie within two standard deviations; the median "
        "error is 3.8%.",
    ]
    assert "takes 20 networks" in latency_summary([REFUSED])[1]
    assert latency_summary([MET] * 50)[-1] == "10 more are not shown."
    assert len(latency_rows([MET] * 50)) == 40


def test_reports_hold_the_table(tmp_path):
    found = findings(*many(8), latencies=(MET, REFUSED))
    for form in ("html", "md"):
        (path,) = REPORTS[form](found, tmp_path / f"report.{form}")
        text = path.read_text()
        assert all(name in text for name in HEAD)
        assert "refused: misses 12ms@pixel" in text
        assert "10.4 ms, 10.2 to 10.9" in text
    (path,) = REPORTS["md"](findings(*many(8)), tmp_path / "without.md")
    assert "Latencies" not in path.read_text()

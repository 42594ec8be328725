"""Silence is what one process observes: unchanged beats while it could look."""

from nas.coordination.observed_beats import MOST_S, ObservedBeats


def test_silence_adds_up_between_looks_and_ends_with_a_beat():
    now = [0.0]
    beats = ObservedBeats(lambda: now[0])
    for now[0] in (1.0, 3.0, 6.0):
        beats.observe({"a": 7, "b": int(now[0])})
    assert beats.silent_s("a", 7) == 5.0
    assert beats.silent_s("b", 6) == 0.0
    assert beats.silent_s("a", 8) == 0.0  # it has beaten since
    assert beats.silent_s("c", 0) == 0.0


def test_time_without_a_look_does_not_count():
    now = [0.0]
    beats = ObservedBeats(lambda: now[0])
    beats.observe({"a": 7})
    now[0] = 3600.0
    beats.observe({"a": 7})
    assert beats.silent_s("a", 7) == MOST_S


def test_who_is_missing_once_begins_anew():
    now = [0.0]
    beats = ObservedBeats(lambda: now[0])
    for now[0], seen in ((1.0, {"a": 7}), (5.0, {}), (9.0, {"a": 7})):
        beats.observe(seen)
    assert beats.silent_s("a", 7) == 0.0

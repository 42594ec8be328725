from trials.training.measurement_turns import turns_on


def test_without_a_lock_nobody_waits():
    with turns_on(None, lambda: 0.0) as turns:
        turns.step()
    assert turns.waited_s == 0.0


def test_with_a_lock_steps_tell_how_long_they_waited(tmp_path):
    ticks = iter(range(100))
    with turns_on(tmp_path / "lock", lambda: float(next(ticks))) as turns:
        turns.step()
    assert turns.waited_s > 0

from trials.training.measurement_turns import take_turns


def test_without_a_lock_nobody_waits():
    with take_turns(None, lambda: 0.0) as turns:
        turns.step()
    assert turns.waited_s == 0.0


def test_with_a_lock_steps_tell_how_long_they_waited(tmp_path):
    ticks = iter(range(100))
    with take_turns(tmp_path / "lock", lambda: float(next(ticks))) as turns:
        turns.step()
    assert turns.waited_s > 0

"""Users get equal shares of the workers while they wait, whatever their jobs take and how many they have."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from nas.service.fair_share import Usage, Waiting, next_job


def simulated(lengths: dict[str, list[float]], workers: int) -> dict[str, float]:
    """Run all jobs, and return the seconds that each user had when the first of them waited no more."""
    waiting = [
        Waiting(number=place * len(lengths) + turn, user=user)
        for turn, user in enumerate(lengths)
        for place in range(len(lengths[user]))
    ]
    left = {user: list(each) for user, each in lengths.items()}
    running: list[tuple[float, float, str]] = []  # end, begin, user
    ended: dict[str, float] = defaultdict(float)
    finished: list[float] = []
    now = 0.0
    while True:
        while len(running) < workers:
            usage = Usage(
                ended_s=ended,
                running_s={user: [now - b for _, b, u in running if u == user] for user in lengths},
                typical_s=sum(finished) / len(finished) if finished else 0.0,
            )
            job = next_job(waiting, usage, {}, workers)
            assert job is not None
            waiting.remove(job)
            running.append((now + left[job.user].pop(0), now, job.user))
            if not left[job.user]:
                shares = defaultdict(float, ended)
                for _, begin, user in running:
                    shares[user] += now - begin
                return {user: shares[user] for user in lengths}
        now, begin, user = min(running)
        running.remove((now, begin, user))
        ended[user] += now - begin
        finished.append(now - begin)


@given(
    st.lists(st.lists(st.floats(1.0, 10.0), min_size=10, max_size=10), min_size=2, max_size=4),
    st.integers(1, 3),
)
def test_users_who_wait_differ_by_at_most_a_few_jobs(lengths, workers):
    shares = simulated({f"u{i}": each for i, each in enumerate(lengths)}, workers)
    longest = max(max(each) for each in lengths)
    assert max(shares.values()) - min(shares.values()) <= 2 * longest


def test_jobs_of_the_same_length_are_shared_to_within_one_job():
    shares = simulated({user: [10.0] * 10 for user in ("ann", "bob", "eve")}, 2)
    assert max(shares.values()) - min(shares.values()) <= 10.0


def test_a_user_with_many_jobs_does_not_keep_out_one_with_a_single_job():
    waiting = [Waiting(number=n, user="ann") for n in range(100)] + [Waiting(number=100, user="bob")]
    job = next_job(waiting, Usage(ended_s={}, running_s={"ann": [5.0]}), {}, 9)
    assert job is not None
    assert job.user == "bob"


def test_priority_orders_the_jobs_of_one_user_and_not_those_of_others():
    waiting = [
        Waiting(number=1, user="ann"),
        Waiting(number=2, user="ann", priority=5),
        Waiting(number=3, user="bob", priority=100),
    ]
    job = next_job(waiting, Usage(ended_s={"bob": 9.0}, running_s={}), {}, 9)
    assert job == waiting[1]


def test_a_quota_holds_back_its_user_alone():
    waiting = [Waiting(number=1, user="ann"), Waiting(number=2, user="bob")]
    usage = Usage(ended_s={}, running_s={"ann": [0.0]})
    assert next_job(waiting, usage, {"ann": 1}, 9) == waiting[1]
    assert next_job(waiting[:1], usage, {"ann": 1}, 9) is None
    assert next_job(waiting, usage, {"ann": 1, "bob": 0}, 9) is None

"""What is new in a search, as server-sent events: its state, epochs, trials and the best network."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from dashboards.result import SearchResult
from nas.service.job import Job
from nas.service.turns import Turns

PAUSE_S: Final = 1.0
_STREAMS: Final = Turns("streams of events", 256, each=16)  # each holds a connection of the server's
_CHECKED_EVERY: Final = 15  # rounds after which the token is looked up again


@dataclass(slots=True)
class Sent:
    """What a reader has been sent already."""

    job: tuple[Any, ...] = ()
    states: dict[int, str] = field(default_factory=dict)
    epochs: dict[int, int] = field(default_factory=dict)
    best: tuple[Any, ...] = ()


def news(job: Job, result: SearchResult | None, sent: Sent) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield names and data of what was not sent yet, and mark it as sent.

    Args:
        job: The job as it is now.
        result: Its search so far; None before its study has begun.
        sent: What was sent before; changed.
    """
    now = (job.state, job.cancel)
    if now != sent.job:
        sent.job = now
        yield "job", job.to_json()
    for network in () if result is None else sorted(result.networks, key=lambda one: one.trial):
        known = sent.epochs.get(network.trial, 0)
        for epoch in (one for one in network.curve if one.epoch > known):
            sent.epochs[network.trial] = epoch.epoch
            yield "epoch", {"trial": network.trial, "epoch": epoch.epoch, "accuracy": epoch.accuracy}
        if sent.states.get(network.trial) != network.state:
            sent.states[network.trial] = network.state
            record = {"trial": network.trial, "state": network.state, "accuracy": network.accuracy}
            yield "trial", {**record, "costs": network.costs, "fits": network.fits}
    best = None if result is None else result.best
    if best is not None and sent.best != (best.trial, best.accuracy):
        sent.best = (best.trial, best.accuracy)
        yield "best", {"trial": best.trial, "accuracy": best.accuracy, "costs": best.costs}


async def event_stream(
    read: Callable[[], tuple[Job, SearchResult | None]],
    may_read: Callable[[], bool],
    *,
    pause_s: float = PAUSE_S,
) -> AsyncIterator[str]:
    """Yield the events of a job from its beginning to its end; a reader that comes again gets all of them.

    Args:
        read: Returns the job and its search as they are now.
        may_read: Returns whether the reader's token is still valid.
        pause_s: Seconds between two looks.
    """
    sent, rounds = Sent(), 0
    while True:
        job, result = await asyncio.to_thread(read)
        for name, data in news(job, result, sent):
            yield f"event: {name}\ndata: {json.dumps(data)}\n\n"
        if not job.is_open:
            yield f"event: end\ndata: {json.dumps({'state': job.state})}\n\n"
            return
        rounds += 1
        if rounds % _CHECKED_EVERY == 0:
            if not await asyncio.to_thread(may_read):
                return
            yield ": the search goes on\n\n"
        await asyncio.sleep(pause_s)


class EventResponse(StreamingResponse):
    """An answer of server-sent events; a user has only so many at once.

    Args:
        events: The events.
        user: Who reads them.

    Raises:
        TooManyError: if there are too many.
    """

    def __init__(self, events: AsyncIterator[str], *, user: str) -> None:
        super().__init__(events, media_type="text/event-stream")
        self._left = ExitStack()
        self._left.enter_context(_STREAMS.turn(user))

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until the reader leaves."""
        with self._left:
            await super().__call__(scope, receive, send)

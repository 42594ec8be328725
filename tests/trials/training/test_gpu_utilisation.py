"""GPU utilisation is the mean since the last call, None if the driver reports nothing."""

import threading

from trials.training.gpu_utilisation import GpuUtilisationMonitor


def test_the_mean_is_of_what_was_read_since_it_was_last_asked():
    values = iter([0.2, 0.4, 0.9])
    read = threading.Semaphore(0)
    go = threading.Semaphore(0)

    def reading() -> float:
        go.acquire()
        try:
            return next(values)
        except StopIteration:
            raise RuntimeError("no more") from None
        finally:
            read.release()

    def let(times: int) -> None:
        for _ in range(times):
            go.release()
            read.acquire()

    with GpuUtilisationMonitor(reading, every_s=0.001) as utilisation:
        assert utilisation.mean() is None
        let(2)
        go.release()  # the third is under way once the second was kept
        read.acquire()
        first = utilisation.mean()
        let(1)  # ends the readings
    assert first in {0.3, 0.5}  # the third may or may not have been kept by then
    assert utilisation.mean() in {0.9, None}


def test_a_driver_without_readings_is_asked_once():
    asked = []

    def reading() -> float:
        asked.append(1)
        raise RuntimeError("not supported")

    with GpuUtilisationMonitor(reading, every_s=0.001) as utilisation:
        while not asked:
            pass
    assert utilisation.mean() is None
    assert len(asked) == 1

"""An iterator whose next items are made in a thread while one is used."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import Any, TypeVar

T = TypeVar("T")
WAIT = 0.1  # seconds after which a thread looks whether it should end


class Failed:
    """An error of the thread, to be raised where the items are used."""

    def __init__(self, error: BaseException):
        self.error = error


END = object()  # the end of the items


def prefetched(items: Iterator[T], ahead: int) -> Generator[T]:
    """Return the items of an iterator, of which at most so many wait ready-made.

    An error of the iterator is raised when its item is asked for. The thread ends when the iterator that is returned is
    closed or forgotten. With `ahead` of 0 there is none.

    >>> list(prefetched(iter("abc"), 2))
    ['a', 'b', 'c']
    """
    return (item for item in items) if ahead < 1 else in_thread(items, ahead)


def in_thread(items: Iterator[T], ahead: int) -> Generator[T]:
    """The items, made in a thread that starts with the first that is asked for."""
    ready: Queue[Any] = Queue(ahead)
    stop = Event()
    thread = Thread(target=fill, args=(items, ready, stop), daemon=True, name="dpa2 batches")
    thread.start()
    try:
        while True:
            item = ready.get()
            if item is END:
                return
            if isinstance(item, Failed):
                raise item.error
            yield item
    finally:
        stop.set()
        thread.join()


def fill(items: Iterator[T], ready: Queue, stop: Event) -> None:
    """Put items into a queue until they end, one fails, or nobody wants more."""
    try:
        for item in items:
            if not offered(item, ready, stop):
                return
        offered(END, ready, stop)
    except BaseException as error:  # raised again where the items are used
        offered(Failed(error), ready, stop)


def offered(item: Any, ready: Queue, stop: Event) -> bool:
    """Put an item into a queue as soon as there is room; return False if nobody wants it any more."""
    while not stop.is_set():
        try:
            ready.put(item, timeout=WAIT)
            return True
        except Full:
            continue
    return False

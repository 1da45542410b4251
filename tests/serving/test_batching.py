import asyncio
import threading

import numpy as np
import pytest

from fer.prediction.predictor import Detection
from fer.serving.batching import Batcher


def seen(count: int) -> Detection:
    return Detection(9, 9, [(0, 0, 9, 9)] * count, [(0, 0, 9, 9)] * count, np.zeros((count, 48, 48), np.uint8))


class Recogniser:
    """Answers each picture by its number of faces; the first batch waits until it may go on."""

    def __init__(self):
        self.go, self.batches = threading.Event(), []

    def __call__(self, pictures):
        self.batches.append([len(one.faces) for one in pictures])
        self.go.wait(10)
        if any(len(one.faces) == 13 for one in pictures):
            raise ArithmeticError
        return [[len(one.faces)] * len(one.faces) for one in pictures]


def answers(recognise, *requests, cancelled=()):
    """Of requests that come one after the other while the first is at work."""

    async def ask():
        batcher = Batcher(recognise, lambda faces: None)
        running = asyncio.create_task(batcher.run())
        asked = []
        for request in requests:
            asked.append(asyncio.create_task(batcher(request)))
            await asyncio.sleep(0.02)
        for number in cancelled:
            asked[number].cancel()
        recognise.go.set()
        found = await asyncio.gather(*asked, return_exceptions=True)
        running.cancel()
        return found

    return asyncio.run(ask())


def test_what_comes_while_one_is_at_work_goes_together():
    recognise = Recogniser()
    answers(recognise, [seen(1)], [seen(2)], [seen(3), seen(1)])
    assert recognise.batches == [[1], [2, 3, 1]]


def test_each_gets_its_own_faces():
    found = answers(Recogniser(), [seen(1)], [seen(2)], [seen(3), seen(0), seen(1)])
    assert found == [[[1]], [[2, 2]], [[3, 3, 3], [], [1]]]


def test_a_picture_without_a_face_does_not_wait():
    recognise = Recogniser()
    assert answers(recognise, [seen(0), seen(0)]) == [[[], []]]
    assert recognise.batches == []


def test_who_gave_up_is_left_out():
    recognise = Recogniser()
    found = answers(recognise, [seen(1)], [seen(2)], [seen(3)], cancelled=[1])
    assert recognise.batches == [[1], [3]]
    assert found[2] == [[3, 3, 3]]


def test_a_batch_holds_no_more_than_a_forward_pass():
    recognise = Recogniser()
    answers(recognise, [seen(1)], [seen(200)], [seen(100)], [seen(2)])
    assert recognise.batches == [[1], [200, 100], [2]]


def test_a_failure_reaches_those_in_the_batch_and_no_other():
    first, failed, too = answers(Recogniser(), [seen(1)], [seen(13)], [seen(2)])
    assert first == [[1]]
    assert isinstance(failed, ArithmeticError)
    assert isinstance(too, ArithmeticError)


@pytest.mark.parametrize("count", [8])
def test_requests_at_the_same_time_share_forward_passes(server, picture, count):
    from concurrent.futures import ThreadPoolExecutor

    server.network.batches.clear()
    with ThreadPoolExecutor(count) as pool:
        found = list(pool.map(lambda _: server.post(*[("a.png", picture(230, 10))] * 4), range(count)))
    assert {one.status for one in found} == {200}
    assert sum(server.network.batches) == 8 * count
    assert len(server.network.batches) <= count

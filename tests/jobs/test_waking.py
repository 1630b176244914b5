"""The word to the leader: heard at once, taken together, and never waited for."""

import threading
import time

import pytest
from redis import RedisError

from jobs.failfast import client
from jobs.waking import EVERYTHING, LONGEST_WAKE, WAKE_KEY, Alarm, wake
from tests.support.processes import RedisServer


@pytest.fixture
def alarm(own_redis: RedisServer) -> Alarm:
    return Alarm(own_redis.url, 5)


def test_words_that_came_meanwhile_are_taken_together(alarm: Alarm) -> None:
    assert wake("emails", "ai")
    assert wake("ai")
    assert wake()
    assert alarm.wait(5) == {"emails", "ai", EVERYTHING}
    assert alarm.wait(0) == set()


def test_a_leader_that_waits_hears_a_word_at_once(alarm: Alarm) -> None:
    speaker = threading.Timer(0.2, wake, ["ai"])
    speaker.start()
    began = time.monotonic()
    assert alarm.wait(5) == {"ai"}
    speaker.join()
    # Far before the time was over, however busy the machine is.
    assert time.monotonic() - began < 4


def test_words_that_nobody_hears_do_not_pile_up(own_redis: RedisServer) -> None:
    for _ in range(3):
        wake(*[str(number) for number in range(LONGEST_WAKE)])
    assert own_redis.client.llen(WAKE_KEY) == LONGEST_WAKE


def test_a_word_is_lost_without_a_sound_while_redis_is_away(no_redis: None) -> None:
    assert not wake("ai")
    # And the next one does not even try.
    assert client().is_silent
    assert not wake("ai")


def test_a_leader_learns_that_redis_is_away(own_redis: RedisServer) -> None:
    alarm = Alarm(own_redis.url, 5)
    own_redis.stop()
    with pytest.raises(RedisError):
        alarm.wait(1)

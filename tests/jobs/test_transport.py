"""What is found in Redis, and what of it is believed."""

import json
import pickle
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis
from rq.exceptions import NoSuchJobError
from rq.serializers import JSONSerializer

from jobs import dispatch
from jobs.models import Job
from jobs.transport import PAYLOAD_VERSION, QUARANTINE_KEY, RUN_FUNCTION, BadHintError, HintJob, HintQueue
from tests.support.probe import tasks
from tests.support.processes import RedisServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def redis(own_redis: RedisServer) -> Iterator[Redis]:
    client = own_redis.client
    yield client
    client.close()


@pytest.fixture
def queue(redis: Redis) -> HintQueue:
    return HintQueue("critical", connection=redis)


@pytest.fixture
def job(redis: Redis) -> Job:
    """A job whose hint stands in Redis."""
    row = tasks.empty.enqueue()
    assert dispatch.push([row])
    return row


def take(queue: HintQueue, redis: Redis) -> str | None:
    """The id of the next good hint."""
    taken = HintQueue.dequeue_any([queue], None, connection=redis)
    return taken[0].id if taken else None


def payload(content: object) -> bytes:
    return zlib.compress(json.dumps(content).encode())


def bad_hashes() -> dict[str, Any]:
    """Fields to be written over those of a good hash, by what is wrong with them."""
    good_id = "00000000-0000-0000-0000-000000000000"
    return {
        "f01 pickle": {"data": zlib.compress(pickle.dumps(("os.system", None, ("true",), {})))},
        "f01 plain pickle": {"data": pickle.dumps(("os.system", None, ("true",), {}))},
        "f02 os.system": {"data": payload(["os.system", None, ["true"], {}])},
        "f02 subprocess": {"data": payload(["subprocess.run", None, [["true"]], {}])},
        "f02 eval": {"data": payload(["builtins.eval", None, ["1"], {}])},
        "f02 ours with an instance": {"data": payload([RUN_FUNCTION, "os", [good_id, 1], {}])},
        "f02 another job": {"data": payload([RUN_FUNCTION, None, [good_id, 1], {}])},
        "f02 named arguments": {"data": payload([RUN_FUNCTION, None, [good_id, 1], {"shell": True}])},
        "f03 date": {"created_at": "yesterday"},
        "f03 status": {"status": "undead"},
        "f03 time limit": {"timeout": "soon"},
        "f03 endless time limit": {"timeout": "-1"},
        "f03 unknown field": {"colour": "red"},
        "f03 not JSON": {"data": zlib.compress(b"{")},
        "f03 not compressed": {"data": b"\xff\xfe"},
        "f03 nested too deep": {"data": zlib.compress(b"[" * 1024)},
        "f03 bomb": {"data": zlib.compress(b" " * 900_000)},
        "f03 huge": {"description": "x" * 50_000_000},
        "f03 huge and unknown": {"colour": "x" * 1_000_000},
        "f05 success callback": {"success_callback_name": "os.abort"},
        "f05 failure callback": {"failure_callback_name": "os.abort"},
        "f05 stopped callback": {"stopped_callback_name": "os.abort"},
        "f05 webhook": {"webhooks": '[{"url": "http://127.0.0.1/", "event": "finished"}]'},
        "f05 result lifetime": {"result_ttl": "-1"},
        "f05 failure lifetime": {"failure_ttl": "99999999"},
        "f05 lifetime": {"ttl": "1"},
        "f05 retries": {"retries_left": "9"},
        "f05 group": {"group_id": "x"},
        "f05 meta": {"meta": "{}"},
    }


@pytest.mark.parametrize("name", sorted(bad_hashes()))
def test_f01_f02_f03_f05_a_bad_hash_is_put_aside_and_the_next_job_comes(
    name: str, job: Job, redis: Redis, queue: HintQueue
) -> None:
    following = tasks.empty.enqueue()
    dispatch.push([following])
    redis.hset(f"rq:job:{job.pk}", mapping=bad_hashes()[name])
    assert take(queue, redis) == str(following.pk)
    assert redis.llen(QUARANTINE_KEY) == 1
    assert not redis.exists(f"rq:job:{job.pk}")


def test_f03_a_load_of_hints_passes_over_one_that_is_nested_too_deep(
    job: Job, redis: Redis, queue: HintQueue
) -> None:
    good = tasks.empty.enqueue()
    dispatch.push([good])
    redis.hset(f"rq:job:{job.pk}", mapping=bad_hashes()["f03 nested too deep"])
    assert queue.opened_ids([str(job.pk).encode(), str(good.pk).encode()]) == [good.pk]
    assert redis.llen(QUARANTINE_KEY) == 1


def test_f03_a_hash_without_data_is_put_aside(job: Job, redis: Redis, queue: HintQueue) -> None:
    redis.hdel(f"rq:job:{job.pk}", "data")
    assert take(queue, redis) is None
    assert redis.llen(QUARANTINE_KEY) == 1


def test_f03_a_key_of_another_type_is_put_aside(job: Job, redis: Redis, queue: HintQueue) -> None:
    redis.delete(f"rq:job:{job.pk}")
    redis.set(f"rq:job:{job.pk}", "text")
    assert take(queue, redis) is None
    assert redis.llen(QUARANTINE_KEY) == 1


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"a b", b"../../etc/passwd", b"x" * 10_000, b""])
def test_f03_an_id_that_is_none_is_put_aside(raw: bytes, job: Job, redis: Redis, queue: HintQueue) -> None:
    redis.lpush("rq:queue:critical", raw)
    assert take(queue, redis) == str(job.pk)


def test_f03_a_good_hash_under_an_id_that_no_row_can_have_is_put_aside(
    job: Job, redis: Redis, queue: HintQueue
) -> None:
    data = payload([RUN_FUNCTION, None, ["smuggled", PAYLOAD_VERSION], {}])
    redis.copy(f"rq:job:{job.pk}", "rq:job:smuggled")
    redis.hset("rq:job:smuggled", "data", data)
    redis.lpush("rq:queue:critical", "smuggled")
    assert take(queue, redis) == str(job.pk)
    assert redis.llen(QUARANTINE_KEY) == 1


def test_the_quarantine_keeps_the_reason_and_no_content(job: Job, redis: Redis, queue: HintQueue) -> None:
    redis.hset(f"rq:job:{job.pk}", "description", "TREMBLAY")
    take(queue, redis)
    entry = json.loads(redis.lindex(QUARANTINE_KEY, 0) or b"")
    assert (entry["id"], entry["queue"]) == (f"b'{job.pk}'", "critical")
    assert "TREMBLAY" not in str(entry)


def test_the_quarantine_does_not_grow_without_end(redis: Redis, queue: HintQueue) -> None:
    redis.rpush("rq:queue:critical", *[f"bad id {number}" for number in range(1200)])
    take(queue, redis)
    assert redis.llen(QUARANTINE_KEY) == 1000


def test_x22_a_hint_of_a_later_version_is_left_to_a_newer_worker(
    job: Job, redis: Redis, queue: HintQueue
) -> None:
    later = payload([RUN_FUNCTION, None, [str(job.pk), PAYLOAD_VERSION + 1], {}])
    redis.hset(f"rq:job:{job.pk}", "data", later)
    assert take(queue, redis) is None
    assert not redis.exists(QUARANTINE_KEY)
    assert redis.exists(f"rq:job:{job.pk}")


def test_a_good_hint_is_believed_and_carries_ids_only(job: Job, redis: Redis) -> None:
    hint = HintJob.fetch(str(job.pk), connection=redis)
    assert (hint.func_name, hint.args) == (RUN_FUNCTION, [str(job.pk), PAYLOAD_VERSION])
    assert (hint.description, hint.origin, hint.timeout) == (str(job.pk), "critical", 60)


def test_f01_no_serializer_that_somebody_asks_for_is_used(redis: Redis) -> None:
    from_command_line = HintQueue("critical", connection=redis, serializer="rq.serializers.DefaultSerializer")
    hint = HintJob("x", connection=redis, serializer="pickle")
    assert from_command_line.serializer is hint.serializer is JSONSerializer


def test_f02_another_function_is_not_imported_even_when_set_by_hand(redis: Redis) -> None:
    hint = HintJob("x", connection=redis)
    hint.func_name = "this.module.does_not.exist"
    with pytest.raises(BadHintError):
        hint.func  # noqa: B018 -- reading it is what imports


def test_f03_a_page_that_lists_hints_passes_over_bad_ones(job: Job, redis: Redis, queue: HintQueue) -> None:
    good = tasks.empty.enqueue()
    dispatch.push([good])
    redis.hset(f"rq:job:{job.pk}", "status", "undead")
    assert [hint.id for hint in queue.get_jobs()] == [str(good.pk)]


def test_a_bad_hash_does_not_exist_for_rq(job: Job, redis: Redis) -> None:
    redis.hset(f"rq:job:{job.pk}", "status", "undead")
    with pytest.raises(NoSuchJobError):
        HintJob.fetch(str(job.pk), connection=redis)


# --- Many at once: the light lane ------------------------------------------------------------------------------


def taken(queue: HintQueue, *ids: object) -> list[str]:
    """Those of the ids that are good, as a load of the light lane takes them."""
    return [str(job_id) for job_id in queue.opened_ids([str(each).encode() for each in ids])]


def test_the_hints_of_a_load_are_spent_when_they_are_read(job: Job, redis: Redis, queue: HintQueue) -> None:
    other = tasks.empty.enqueue()
    dispatch.push([other])
    assert taken(queue, other.pk, job.pk) == [str(other.pk), str(job.pk)]
    assert not redis.exists(f"rq:job:{job.pk}", f"rq:job:{other.pk}")
    assert taken(queue, other.pk, job.pk) == []
    assert not redis.exists(QUARANTINE_KEY)


@pytest.mark.parametrize("name", sorted(name for name, fields in bad_hashes().items() if "data" in fields))
def test_f01_f02_f03_a_bad_payload_in_a_load_is_put_aside_and_the_others_are_taken(
    name: str, job: Job, redis: Redis, queue: HintQueue
) -> None:
    good = tasks.empty.enqueue()
    dispatch.push([good])
    redis.hset(f"rq:job:{job.pk}", mapping=bad_hashes()[name])
    assert taken(queue, job.pk, good.pk) == [str(good.pk)]
    assert redis.llen(QUARANTINE_KEY) == 1
    assert not redis.exists(f"rq:job:{job.pk}")


def test_f03_a_load_reads_no_payload_that_is_too_large(job: Job, redis: Redis, queue: HintQueue) -> None:
    redis.hset(f"rq:job:{job.pk}", "data", "x" * 50_000_000)
    before = redis.info("stats")["total_net_output_bytes"]
    assert taken(queue, job.pk) == []
    assert redis.info("stats")["total_net_output_bytes"] - before < 100_000
    assert redis.llen(QUARANTINE_KEY) == 1


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"a b", b"../../etc/passwd", b"x" * 10_000, b""])
def test_f03_an_id_in_a_load_that_is_none_is_put_aside(
    raw: bytes, job: Job, redis: Redis, queue: HintQueue
) -> None:
    assert queue.opened_ids([raw, str(job.pk).encode()]) == [job.pk]
    assert redis.llen(QUARANTINE_KEY) == 1


def test_f03_a_key_of_another_type_in_a_load_is_put_aside(job: Job, redis: Redis, queue: HintQueue) -> None:
    redis.delete(f"rq:job:{job.pk}")
    redis.set(f"rq:job:{job.pk}", "text")
    assert taken(queue, job.pk) == []
    assert redis.llen(QUARANTINE_KEY) == 1


def test_x22_a_hint_of_a_later_version_in_a_load_is_left_to_a_newer_worker(
    job: Job, redis: Redis, queue: HintQueue
) -> None:
    later = payload([RUN_FUNCTION, None, [str(job.pk), PAYLOAD_VERSION + 1], {}])
    redis.hset(f"rq:job:{job.pk}", "data", later)
    assert taken(queue, job.pk) == []
    assert redis.exists(f"rq:job:{job.pk}")
    assert not redis.exists(QUARANTINE_KEY)


def test_a_load_is_popped_up_to_its_size(redis: Redis, queue: HintQueue) -> None:
    redis.rpush(queue.key, *"abcde")
    assert (queue.pop_more(0), queue.pop_more(2), queue.pop_more(9), queue.pop_more(9)) == (
        [],
        [b"a", b"b"],
        [b"c", b"d", b"e"],
        [],
    )


def test_urgent_jobs_that_are_sent_together_are_taken_in_their_order(redis: Redis, queue: HintQueue) -> None:
    usual = tasks.empty.enqueue()
    urgent = [tasks.empty.using(priority=5).enqueue() for _number in range(3)]
    dispatch.push([usual])
    dispatch.push(urgent)
    assert [take(queue, redis) for _number in range(4)] == [str(job.pk) for job in (*urgent, usual)]


def test_f03_a_queue_of_the_wrong_kind_is_put_aside_and_stops_no_other(
    job: Job, redis: Redis, queue: HintQueue
) -> None:
    redis.set("rq:queue:emails", "x")
    emails = HintQueue("emails", connection=redis)
    for timeout in (None, 1):
        redis.set("rq:queue:emails", "x")
        dispatch.push([job])
        redis.lrem("rq:queue:critical", 1, str(job.pk))
        taken = HintQueue.pop([emails, queue], timeout, connection=redis)
        assert (taken and taken[1], redis.exists("rq:queue:emails")) == (str(job.pk).encode(), 0)
        dispatch.push([job])
    assert redis.get("jobs:quarantine:rq:queue:emails") == b"x"


@pytest.mark.parametrize("key", ["rq:queue:critical", "rq:failed:critical", "rq:queues"])
def test_f03_a_key_of_the_wrong_kind_does_not_keep_jobs_from_being_sent(
    key: str, job: Job, redis: Redis, queue: HintQueue
) -> None:
    redis.delete(key)
    redis.hset(key, "a", "b")
    assert dispatch.push([job])
    assert dispatch.missing([job]) == []
    redis.delete(key)
    redis.hset(key, "a", "b")
    assert dispatch.missing([job]) == ([job] if key == "rq:queue:critical" else [])

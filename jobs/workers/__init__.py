"""The worker: RQ's loop and work-horse, with the row as the truth.

A worker is three kinds of process. The parent takes hints from Redis, claims their rows, forks a work-horse for
them, keeps their leases alive, and settles what it reported or, killed, left. The work-horse runs the tasks, one
after the other; it settles by itself what is not a plain success. The dispatcher, one beside each parent, sends
what is due. Any of them may be killed at any moment; parent and dispatcher outlive an absent Redis or database.

| who dies | who notices | after |
|---|---|---|
| the work-horse | its parent, by the end of their pipe | at once |
| the parent | the kernel kills work-horse and dispatcher; any dispatcher sees the lease run out | the lease |
| the dispatcher | its parent starts another | seconds |

A queue's lane says how many jobs a work-horse is given: one in the heavy lane; in the light lane as many as last
about a second. Everything else is the same in both, and a task cannot tell which one it runs in.

| module | what it holds |
|---|---|
| `worker` | the loop: take, claim, run, until told to stop |
| `taking` | which queue is next, and how many of its jobs at a time |
| `shift` | what the parent does from the claim of some jobs until each is settled |
| `horse` | a work-horse's process, and the two pipes between it and its parent |
| `inside` | the life of a work-horse, from its fork on |
| `traces` | what a task may have left behind in its process |
| `settling` | what the parent writes of jobs that ended |
| `presence` | the row that says that a worker lives |
| `showing` | what RQ's own pages are told |
| `database` | the parent's connection, and what a fork may share of it |
"""

from jobs.workers.worker import Worker

__all__ = ["Worker"]

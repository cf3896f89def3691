from ._tasks import write_tasks as write_tasks

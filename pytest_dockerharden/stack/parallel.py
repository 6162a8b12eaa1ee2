"""Work on many services side by side; the first failure ends the others' waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.stack.order import dependencies, levels
from pytest_dockerharden.stack.waiting import Watch

# those that wait for another one hold a thread too
WORKERS = 16
LOOK = 0.5


class Progression:
    """Runs ``work`` on each service as soon as those that it depends on have ``reached`` what they had to."""

    def __init__(self, project: Project, watch: Watch) -> None:
        groups = levels(project)
        self.services = [service for group in groups for service in group]
        self.level = {service.name: number for number, group in enumerate(groups) for service in group}
        self.watch = watch
        self._reached = {service.name: threading.Event() for service in self.services}

    def run(self, work: Callable[[Service], None], meanwhile: Callable[[], None] = lambda: None) -> None:
        """Returns when all is done. Raises the first failure at once, after cancelling the others' waits.

        ``meanwhile`` is called every half second, and may raise too.
        Services are handed out in order of dependency, so that none waits for one that has no thread yet.
        """
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="dockerharden") as pool:
            futures: list[Future[None]] = []
            try:
                futures += [pool.submit(self._one, work, service) for service in self.services]
                waiting = set(futures)
                while waiting:
                    done, waiting = wait(waiting, timeout=LOOK, return_when=FIRST_EXCEPTION)
                    for future in done:
                        future.result()
                    meanwhile()
            except BaseException:
                self.watch.cancel()
                for future in futures:
                    future.cancel()
                raise

    def _one(self, work: Callable[[Service], None], service: Service) -> None:
        earlier = (d for d in dependencies(service) if self.level[d.service] < self.level[service.name])
        for dependency in earlier:
            while not self._reached[dependency.service].is_set():
                self.watch.pause()
        work(service)
        self.reached(service)

    def reached(self, service: Service) -> None:
        """Dependants may go on; the end of the work means it too."""
        self._reached[service.name].set()

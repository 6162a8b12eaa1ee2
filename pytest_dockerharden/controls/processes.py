"""What runs in a container, process by process: only a running one can tell."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable, unknown
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.posture import Posture, Process
from pytest_dockerharden.model.remedies import advice, set_key
from pytest_dockerharden.model.secrets import is_secret_name

# they wait in sigtimedwait(2), for which the kernel takes the signals out of the blocked ones
_INITS = frozenset({"docker-init", "podman-init", "tini", "tini-static", "dumb-init", "catatonit", "init", "systemd",
                    "s6-svscan", "runit", "runsvdir"})  # fmt: skip
_REMOTE_LOGIN = frozenset({"sshd", "dropbear", "telnetd", "in.telnetd", "utelnetd", "rshd", "rlogind", "in.rlogind"})


@control(severity="high", plan="P0", cis="4.1", owasp="RULE 2", nist="4.4.3", live=True)
def every_process_non_root(posture: Posture) -> Findings:
    """No process is root, not only the first one.

    An entrypoint that steps down may leave a root child behind, and a setuid program makes one: the first process is
    what `docker inspect` and every benchmark look at, the other one is what is attacked.

    Bad::

        services:
          web:  # <-
            image: app
            user: "0"
            entrypoint: ["sh", "-c", "sleep 1000 & exec setpriv --reuid=4242 --regid=4242 --clear-groups sleep 1000"]

    Good::

        services:
          web:
            image: app
            user: "4242:4242"
            entrypoint: ["sh", "-c", "sleep 1000 & exec sleep 1000"]
    """
    if posture.runs_as_root.value:
        not_applicable("its first process is root, which non-root-user reports")
    for process in posture.processes.value:
        if 0 in process.uids and process.pid != 1 and not process.ended:
            yield posture.processes.finding(
                f"process {_named(process)} is root, though the first one is not",
                advice("start the whole service under `user:`, and set no-new-privileges"),
                at=process.origin,
            )


@control(severity="low", live=True)
def no_zombies(posture: Posture) -> Findings:
    """No process that has ended is left over.

    The first process has to take in every orphan. A program that was not written for it leaves zombies, until the
    limit of processes is reached and nothing can be started any more, the healthcheck included.

    Bad::

        services:
          web:  # <-
            image: app
            command: ["sh", "-c", "(sleep 1 &); exec sleep 1000"]

    Good::

        services:
          web:
            image: app
            init: true
            command: ["sh", "-c", "(sleep 1 &); exec sleep 1000"]
    """
    zombies = [process for process in posture.processes.value if process.ended]
    if zombies:
        yield posture.processes.finding(
            f"{len(zombies)} ended process{'es are' if len(zombies) > 1 else ' is'} left over as zombie",
            set_key("init", True, breaks="a program that insists on being process 1"),
            at=zombies[0].origin,
        )


@control(severity="medium", plan="P3", live=True)
def first_process_takes_the_stop_signal(posture: Posture) -> Findings:
    """The first process handles the signal that stops it.

    The kernel gives process 1 no signal that it has no handler for. `docker stop` then waits ten seconds and kills it:
    connections break, data is not written.

    Bad::

        services:
          web:  # <-
            image: app
            command: ["sleep", "1000"]

    Good::

        services:
          web:
            image: app
            init: true
            command: ["sleep", "1000"]
          worker:
            image: app
            command: ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
    """
    if posture.pid_mode.value != "private":
        not_applicable("its first process is not process 1 of its namespace")
    stop_signal = posture.stop_signal.value
    first = next((process for process in posture.processes.value if process.pid == 1), None)
    if first is None or stop_signal == "SIGKILL":
        not_applicable("its first process is not there, or is stopped by SIGKILL")
    if _INITS & {_program(first), first.executable.rsplit("/", 1)[-1]}:
        return
    # one that is blocked is waited for with sigwait(3) or a signalfd(2)
    if stop_signal not in first.caught | first.blocked:
        yield posture.processes.finding(
            f"its first process ({_program(first)}) does not handle {stop_signal}",
            set_key("init", True, breaks="a program that insists on being process 1"),
            at=first.origin,
        )


@control(severity="high", plan="P2", owasp="RULE 12", live=True)
def no_secrets_in_arguments(posture: Posture) -> Findings:
    """No process shows a credential in its arguments.

    Arguments can be read by every user of the host, in `docker top` and in every log of processes.

    Bad::

        services:
          web:  # <-
            image: app
            command: ["sh", "-c", "while :; do sleep 1; done", "server", "--password=hunter2x"]

    Good::

        services:
          web:
            image: app
            command: ["sh", "-c", "while :; do sleep 1; done", "server", "--password-file=/run/secrets/password"]
    """
    for process in posture.processes.value:
        if process.secret_argument:
            yield posture.processes.finding(
                f"process {_named(process)} shows a credential: {process.secret_argument}",
                advice("give it a file, such as one of /run/secrets"),
                at=process.origin,
            )


@control(severity="low", plan="P2", owasp="RULE 12", optional=True, live=True)
def no_secrets_in_process_environments(posture: Posture) -> Findings:
    """No process got a credential into its environment at run time.

    An entrypoint that reads a secret's file into a variable hands it to every child, to core dumps and error reports.

    Bad::

        services:
          web:  # <-
            image: app
            command: ["sh", "-c", "API_TOKEN=$$(cat /proc/sys/kernel/random/uuid) exec sleep 1000"]

    Good::

        services:
          web:
            image: app
            environment:
              API_TOKEN_FILE: /run/secrets/token
            command: ["sleep", "1000"]
    """
    declared = set(posture.environment.value)
    unread = False
    for process in posture.processes.value:
        unread |= process.environment_names is None and not process.ended
        names = sorted(filter(is_secret_name, (process.environment_names or frozenset()) - declared))
        if names:
            yield posture.processes.finding(
                f"process {_named(process)} has {', '.join(names)} in its environment",
                advice("let the program read the file itself"),
                at=process.origin,
            )
    if unread:
        unknown("the environment of one of its processes could not be read")


@control(severity="medium", cis="5.7", equivalents={"docker-bench": "5.7"}, live=True)
def no_remote_login(posture: Posture) -> Findings:
    """No daemon for remote logins runs.

    `docker exec` opens a shell where one is needed; an sshd has keys, accounts and an open port of its own to guard.

    Bad::

        services:
          web:  # <-
            image: app
            command: ["sh", "-c", "cp /bin/sleep /tmp/sshd; exec /tmp/sshd 1000"]

    Good::

        services:
          web:
            image: app
            command: ["sleep", "1000"]
    """
    for process in _programs(posture, _REMOTE_LOGIN):
        yield posture.processes.finding(
            f"process {_named(process)} lets users log in from outside",
            advice("remove it, and use `docker exec`"),
            at=process.origin,
        )


def _programs(posture: Posture, names: frozenset[str]) -> Iterator[Process]:
    for process in posture.processes.value:
        if _program(process) in names or process.executable.rsplit("/", 1)[-1] in names:
            yield process


def _program(process: Process) -> str:
    """``sshd`` for ``sshd: /usr/sbin/sshd -D`` as well: a daemon may write its own title."""
    word = process.argv[0] if process.argv else process.executable
    return word.split(" ")[0].rstrip(":").rsplit("/", 1)[-1] or process.name


def _named(process: Process) -> str:
    return f"{process.pid} ({_program(process)})"

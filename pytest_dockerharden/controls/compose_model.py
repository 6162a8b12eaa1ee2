"""What Docker Compose refuses, and what it takes otherwise than one thinks."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Finding, Findings
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.model.remedies import advice, remove_key, set_key

_ELSEWHERE_BY_START = ("start_interval without", "without a condition this cancels", "everything from ")
_ELSEWHERE_BY_END = ("of secrets is ignored outside Swarm", "of configs is ignored outside Swarm")
_ANY_ADDRESS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to


@control(severity="high")
def accepted_by_compose(project: Project) -> Findings:
    """Docker Compose accepts the model.

    What Compose refuses does not run, and a misspelt key hardens nothing. Where several files are merged, the mistake
    often shows in one combination only.

    Bad::

        services:
          web:
            image: app
            cap_dropp:  # <-
              - ALL

    Good::

        services:
          web:
            image: app
            cap_drop:
              - ALL
    """
    yield from _problems(project, "refused")


@control(severity="low")
def loads_as_written(project: Project) -> Findings:
    """Docker Compose takes every value as it is written.

    Compose loads these lines, but not as they read: a value falls back, is ignored or means something else.

    Bad::

        services:
          web:
            image: app
            read_only: yes  # <-

    Good::

        services:
          web:
            image: app
            read_only: true
    """
    for problem in project.problems:
        if problem.kind == "warning" and not _judged_elsewhere(problem) and not _is_for_swarm(problem):
            yield _finding(project, problem)


@control(severity="info", optional=True)
def settings_take_effect(project: Project) -> Findings:
    """No setting is for Swarm alone.

    Outside Swarm these lines do nothing: a CPU reservation reserves none, and `update_config` updates nothing.

    Bad::

        services:
          web:
            image: app
            deploy:
              resources:
                reservations:
                  cpus: "0.5"  # <-

    Good::

        services:
          web:
            image: app
            deploy:
              resources:
                limits:
                  cpus: "0.5"
    """
    for problem in project.problems:
        if problem.kind == "warning" and _is_for_swarm(problem) and not _judged_elsewhere(problem):
            yield _finding(project, problem)


@control(severity="info", optional=True)
def variables_have_values(project: Project) -> Findings:
    """Every variable has a value or a default.

    Compose puts an empty string where a variable is not set, and starts the stack with it.

    Bad::

        services:
          web:
            image: app:1.4.2
            user: "${APP_USER}"  # <-

    Good::

        services:
          web:
            image: app:1.4.2
            user: "${APP_USER:-1000:1000}"
    """
    for problem in project.problems:
        if problem.kind == "warning" and _is_unset_variable(problem):
            yield _finding(project, problem)


@control(severity="info", optional=True, equivalents={"dclint": "no-version-field"})
def no_obsolete_version(project: Project) -> Findings:
    """No file has the obsolete `version` line.

    Compose ignores it. It suggests that an old schema is in force, and none is.

    Bad::

        version: "3.8"  # <-
        services:
          web:
            image: app

    Good::

        services:
          web:
            image: app
    """
    for problem in project.problems:
        if problem.kind == "warning" and _is_version(problem):
            yield project.finding("`version` is obsolete and ignored", advice("remove the line"), at=problem.origin)


def _problems(project: Project, kind: str) -> Findings:
    for problem in project.problems:
        if problem.kind == kind:
            yield _finding(project, problem)


def _finding(project: Project, problem: Problem) -> Finding:
    return project.finding(problem.message, advice(problem.hint) if problem.hint else None, at=problem.origin)


def _is_unset_variable(problem: Problem) -> bool:
    return "variable" in problem.message and "not set" in problem.message


def _is_for_swarm(problem: Problem) -> bool:
    return "Swarm" in problem.message


def _is_version(problem: Problem) -> bool:
    return "`version`" in problem.message and "obsolete" in problem.message


def _judged_elsewhere(problem: Problem) -> bool:
    """What has a control of its own, here or beside secret files and healthchecks."""
    return (
        _is_unset_variable(problem)
        or _is_version(problem)
        or problem.message.startswith(
            ("start_interval without", "without a condition this cancels", "everything from ")
        )
        or problem.message.endswith(("of secrets is ignored outside Swarm", "of configs is ignored outside Swarm"))
    )


@control(severity="high", equivalents={"dclint": "no-duplicate-container-names"})
def unique_container_names(project: Project) -> Findings:
    """No two services share a container name.

    The engine refuses the second container: the stack comes up in part.

    Bad::

        services:
          web:
            image: app
            container_name: app
          worker:
            image: app
            container_name: app  # <-

    Good::

        services:
          web:
            image: app
            container_name: app_web
          worker:
            image: app
            container_name: app_worker
    """
    seen: dict[str, list[Service]] = {}
    for service in project.services.values():
        node = service.get("container_name")
        if node is None or node.unresolved:
            continue
        name = node.text()
        other = next((o for o in seen.get(name, ()) if _run_together(o, service)), None)
        seen.setdefault(name, []).append(service)
        if other is not None:
            yield project.finding(
                f"{service.name} has the container name of {other.name}",
                advice("remove `container_name`, or give each service its own"),
                at=node,
            )


@control(severity="high", equivalents={"dclint": "no-duplicate-exported-ports"})
def unique_host_ports(project: Project) -> Findings:
    """No two services publish the same host port.

    The second one cannot bind it: the stack comes up in part, and which part depends on the order.

    Bad::

        services:
          web:
            image: app
            ports:
              - "127.0.0.1:8080:80"
          admin:
            image: app
            ports:
              - "127.0.0.1:8080:8000"  # <-

    Good::

        services:
          web:
            image: app
            ports:
              - "127.0.0.1:8080:80"
          admin:
            image: app
            ports:
              - "127.0.0.1:8081:8000"
    """
    seen: dict[tuple[str, str], list[tuple[str, Service]]] = {}
    for service in project.services.values():
        for port in service.items("ports"):
            number, protocol, address = _published(port)
            if not number:
                continue
            others = seen.setdefault((number, protocol), [])
            for other_address, other in others:
                if _overlap(address, other_address) and _run_together(other, service):
                    yield project.finding(
                        f"{service.name} publishes host port {number}, which {other.name} has",
                        advice("publish each on a host port of its own"),
                        at=port,
                    )
                    break
            others.append((address, service))


def _published(port: Node) -> tuple[str, str, str]:
    """Host port (empty where there is none, a range or a variable decides it), protocol and address."""
    published, address = port.get("published"), port.get("host_ip")
    if published is None or published.unresolved or port.unresolved or not published.text().isdigit():
        return "", "", ""
    protocol = port.get("protocol")
    return published.text(), protocol.text() if protocol else "tcp", address.text() if address else ""


def _overlap(one: str, other: str) -> bool:
    return one == other or one in _ANY_ADDRESS or other in _ANY_ADDRESS


def _run_together(one: Service, other: Service) -> bool:
    """Services of different profiles are often two variants of one thing."""
    first, second = ({node.text() for node in service.items("profiles")} for service in (one, other))
    return one is not other and (not first or not second or bool(first & second))


@control(severity="info", optional=True)
def no_fixed_container_name(service: Service) -> Findings:
    """The container has no fixed name.

    A fixed name forbids a second replica and a second copy of the stack on the host, such as the one under test.

    Bad::

        services:
          web:
            image: app
            container_name: app_web  # <-

    Good::

        services:
          web:
            image: app
    """
    if service.get("container_name") is not None:
        yield service.finding(
            "a fixed container name allows one copy only", remove_key("container_name"), at="container_name"
        )


@control(severity="medium")
def deploy_restart_policy_has_a_condition(service: Service) -> Findings:
    """A restart policy below `deploy` says when to restart.

    `deploy.restart_policy` replaces `restart:`. Without a condition Compose sends an empty policy, so that the
    container is never restarted, whatever `restart:` says.

    Bad::

        services:
          web:
            image: app
            restart: always
            deploy:
              restart_policy:  # <-
                max_attempts: 5

    Good::

        services:
          web:
            image: app
            deploy:
              restart_policy:
                condition: on-failure
                max_attempts: 5
    """
    policy = service.get("deploy.restart_policy")
    if policy is None:
        not_applicable("no restart policy below deploy")
    if policy.get("condition") is None:
        cancels = " and cancels `restart:`" if service.get("restart") else ""
        yield service.finding(
            f"the restart policy has no condition{cancels}",
            set_key("deploy.restart_policy.condition", "on-failure"),
            at=policy,
        )


@control(severity="low")
def declared_resources_are_used(project: Project) -> Findings:
    """Every declared network, volume, secret and config is used.

    A volume that nobody mounts keeps no data, and a secret that nobody is granted protects nothing: the declaration
    says that there is persistence or secrecy where there is none.

    Bad::

        services:
          redis:
            image: redis
            tmpfs:
              - /data
        volumes:
          redis_data:  # <-

    Good::

        services:
          redis:
            image: redis
            volumes:
              - redis_data:/data
        volumes:
          redis_data:
    """
    used = _used(project)
    for kind, declared in (
        ("network", project.networks),
        ("volume", project.volumes),
        ("secret", project.secrets),
        ("config", project.configs),
    ):
        for name, node in declared.items():
            if name not in used[kind] and not (kind == "network" and name == "default"):
                yield project.finding(
                    f"{kind} {name} is declared and nobody uses it",
                    advice("use it, or remove the declaration"),
                    at=node,
                )


def _used(project: Project) -> dict[str, set[str]]:
    used: dict[str, set[str]] = {"network": set(), "volume": set(), "secret": set(), "config": set()}
    for service in project.services.values():
        used["network"].update(name for name, _ in _entries(service, "networks"))
        build_network = service.text("build.network")
        used["network"].add(build_network)
        used["volume"].update(_text(mount, "source") for mount in service.items("volumes"))
        for path in ("secrets", "build.secrets"):
            used["secret"].update(_text(grant, "source") for grant in service.items(path))
        used["config"].update(_text(grant, "source") for grant in service.items("configs"))
    return used


def _entries(service: Service, path: str) -> Iterator[tuple[str, Node]]:
    node = service.get(path)
    return node.items() if node else iter(())


def _text(node: Node, key: str) -> str:
    child = node.get(key)
    return child.text() if child else node.text()


@control(severity="info", optional=True)
def image_is_built_once(project: Project) -> Findings:
    """One service builds an image, and the others use it.

    The same build repeated in every service that runs it is built as many times, and one copy that is changed alone
    ships another program under the same name.

    Bad::

        services:
          api:
            build: ./app
            image: app:1.4.2
          worker:
            build: ./app  # <-
            image: app:1.4.2

    Good::

        services:
          api:
            build: ./app
            image: app:1.4.2
          worker:
            image: app:1.4.2
    """
    first: dict[str, Service] = {}
    for service in project.services.values():
        image, build = service.text("image"), service.get("build")
        if not image or build is None:
            continue
        if image in first:
            yield project.finding(
                f"{service.name} builds {image} again, as {first[image].name} does",
                advice("keep `build:` in one service, or share it by an anchor"),
                at=build,
            )
        else:
            first[image] = service

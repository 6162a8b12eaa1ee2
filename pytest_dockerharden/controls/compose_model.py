"""What Docker Compose refuses, and what it takes otherwise than one thinks."""

from __future__ import annotations

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable, unknown
from pytest_dockerharden.model.finding import Finding, Findings
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.model.remedies import advice, remove_lines, replace_text, set_key
from pytest_dockerharden.model.shell import Word

_ELSEWHERE_BY_START = ("start_interval without", "without a condition this cancels", "everything from ")


_ELSEWHERE_BY_END = ("of secrets is ignored outside Swarm", "of configs is ignored outside Swarm")


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
    for problem in project.problems:
        if problem.kind == "limit":
            file = problem.origin.file.rsplit("/", 1)[-1]
            unknown(f"{file}:{problem.origin.line}: {problem.message}")


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
            yield project.finding(
                "`version` is obsolete and ignored",
                remove_lines(problem.origin, text="remove the line", effect="safe"),
                at=problem.origin,
            )


def _problems(project: Project, kind: str) -> Findings:
    for problem in project.problems:
        if problem.kind == kind:
            yield _finding(project, problem)


def _finding(project: Project, problem: Problem) -> Finding:
    remedy = advice(problem.hint) if problem.hint else None
    if problem.instead:
        remedy = replace_text(Word(problem.written, None, problem.origin), problem.instead, effect="safe")
    return project.finding(problem.message, remedy, at=problem.origin)


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
        or problem.message.startswith(_ELSEWHERE_BY_START)
        or problem.message.endswith(_ELSEWHERE_BY_END)
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

"""What the container runs: entrypoint, command, working directory, and the signals it lives by."""

from __future__ import annotations

from posixpath import join, normpath

from pytest_dockerharden.model.dockerfile import Instruction
from pytest_dockerharden.model.fact import Fact, Known, Unknown
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.posture import Logging, Posture, RestartPolicy
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.predict.layers import Layers
from pytest_dockerharden.predict.reading import boolean, first_unresolved, integer, known, scalar, seconds, unresolved

STOP_GRACE_PERIOD = 10.0
_SIGNALS = {
    "1": "SIGHUP", "2": "SIGINT", "3": "SIGQUIT", "6": "SIGABRT", "9": "SIGKILL", "10": "SIGUSR1", "12": "SIGUSR2",
    "15": "SIGTERM", "28": "SIGWINCH",
}  # fmt: skip


def predict_process(service: Service, layers: Layers, posture: Posture) -> None:
    """Image, argv, working directory, init, restart policy, logging and stopping."""
    posture.image = _image(service)
    posture.entrypoint, posture.command = _entrypoint_and_command(service, layers)
    posture.working_dir = _working_dir(service, layers)
    posture.init = boolean(service, "init")
    posture.restart = _restart(service)
    posture.logging = _logging(service)
    posture.stop_signal = _stop_signal(service, layers)
    posture.stop_grace_period = scalar(service, "stop_grace_period", seconds, STOP_GRACE_PERIOD)


def _image(service: Service) -> Fact[str]:
    node = service.get("image")
    if node is not None and (node.unresolved or node.text()):
        return unresolved(node, "the image") or known(node.text(), node)
    if service.get("build") is not None:
        return Known(f"{service.project.name}-{service.name}", service.at("build"))
    return Unknown("the service names no image", service.origin)


def _entrypoint_and_command(service: Service, layers: Layers) -> tuple[Fact[tuple[str, ...]], Fact[tuple[str, ...]]]:
    """As the engine merges them: an entrypoint of the service drops the image's command, an empty list does not."""
    entrypoint_node, command_node = service.get("entrypoint"), service.get("command")
    below_entrypoint, below_command = argv_of_image(layers)
    entrypoint = below_entrypoint if entrypoint_node is None else _argv(entrypoint_node, "the entrypoint")
    if command_node is not None and (command_node.value or not _overridden(entrypoint_node)):
        command = _argv(command_node, "the command")
    elif entrypoint_node is not None and _overridden(entrypoint_node):
        command = Known((), entrypoint_node.place)
    else:
        command = below_command
    return entrypoint, command


def _overridden(entrypoint: Node | None) -> bool:
    return entrypoint is not None and bool(entrypoint.value)


def _argv(node: Node, what: str) -> Fact[tuple[str, ...]]:
    items = list(node) if isinstance(node.value, list) else [node]
    return first_unresolved([node, *items], what) or known(tuple(item.text() for item in items), node)


def argv_of_image(layers: Layers) -> tuple[Fact[tuple[str, ...]], Fact[tuple[str, ...]]]:
    """ENTRYPOINT and CMD of the image: an ENTRYPOINT drops a CMD that an earlier stage or the base set."""
    service, image = layers.service, layers.image
    if image is not None:
        entrypoint: Fact[tuple[str, ...]] = Known(image.entrypoint or (), service.origin)
        command: Fact[tuple[str, ...]] = Known(image.command or (), service.origin)
    else:
        entrypoint, command = layers.missing("the entrypoint"), layers.missing("the command")
    own_command = False
    for instruction in layers.of("FROM", "CMD", "ENTRYPOINT"):
        if instruction.keyword == "FROM":
            own_command = False
        elif instruction.keyword == "CMD":
            command, own_command = Known(_words(instruction), instruction.origin), True
        else:
            entrypoint = Known(_words(instruction), instruction.origin)
            command = command if own_command else Known((), instruction.origin)
    return entrypoint, command


def _words(instruction: Instruction) -> tuple[str, ...]:
    if instruction.form == "exec":
        return tuple(word.text for word in instruction.words)
    return (*instruction.shell, instruction.text) if instruction.text else ()


def _working_dir(service: Service, layers: Layers) -> Fact[str]:
    node = service.get("working_dir")
    if node is not None and (node.unresolved or node.text()):
        return unresolved(node, "the working directory") or known(node.text(), node)
    path = (layers.image.working_dir or "/") if layers.image else None
    place = service.origin
    for instruction in layers.of("WORKDIR"):
        step = layers.word(instruction.words[0]) if instruction.words else None
        absolute = step is not None and step.startswith("/")
        path = None if step is None or (path is None and not absolute) else normpath(join(path or "/", step))
        place = instruction.origin
    return layers.missing("the working directory") if path is None else Known(path, place)


def _restart(service: Service) -> Fact[RestartPolicy]:
    """``deploy.restart_policy`` replaces ``restart``; without a condition it means no restart at all."""
    policy, plain = service.get("deploy.restart_policy"), service.get("restart")
    if policy is None:
        return scalar(service, "restart", _restart_of_text, RestartPolicy("no"))
    condition, attempts = policy.get("condition"), policy.get("max_attempts")
    related = (*policy.related, plain.place) if plain else policy.related
    if condition is None or not (condition.text() or condition.unresolved):
        return Known(RestartPolicy("no"), policy.place, related)
    names = {"none": "no", "any": "always"}
    name = names.get(condition.text(), condition.text())
    retries = (integer(attempts) or 0) if attempts is not None and name == "on-failure" else 0
    return unresolved(condition, "the restart policy") or Known(RestartPolicy(name, retries), condition.place, related)


def _restart_of_text(node: Node) -> RestartPolicy:
    name, _, retries = node.text().partition(":")
    return RestartPolicy(name or "no", int(retries) if retries.isascii() and retries.isdigit() else 0)


def _logging(service: Service) -> Fact[Logging]:
    node = service.get("logging")
    if node is None:
        return Known(Logging(""), service.origin)
    driver, options = node.get("driver"), node.get("options")
    pairs = list(options.items()) if options else []
    reason = first_unresolved([*([driver] if driver else []), *(value for _, value in pairs)], "logging")
    name = driver.text() if driver else ""
    return reason or known(Logging(name, tuple((key, value.text()) for key, value in pairs)), node)


def _stop_signal(service: Service, layers: Layers) -> Fact[str]:
    node, instruction = service.get("stop_signal"), layers.last("STOPSIGNAL")
    if node is not None and (node.unresolved or node.text()):
        return unresolved(node, "the stop signal") or known(_signal(node.text()), node)
    if instruction is not None and instruction.words:
        value = layers.word(instruction.words[0])
        if value is not None:
            return Known(_signal(value), instruction.origin)
        return Unknown("a build argument without a value decides the stop signal", instruction.origin)
    if layers.image is None:
        return layers.missing("the stop signal")
    return Known(_signal(layers.image.stop_signal or "SIGTERM"), service.origin)


def _signal(text: str) -> str:
    upper = _SIGNALS.get(text, text.upper())
    return upper if upper.startswith("SIG") or upper.isdigit() else f"SIG{upper}"

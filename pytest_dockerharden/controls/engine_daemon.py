"""How the engine is set up for every container at once: CIS section 2.

None of these is recommended: the engine of a CI runner is not that of the people whose stack is judged.
"""

from __future__ import annotations

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.engine import Engine
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.remedies import advice

_LOCAL = ("unix://", "fd://", "npipe://")
_OLD_DRIVERS = ("aufs", "devicemapper", "overlay")
_LOCAL_LOGS = ("json-file", "local", "none")


@control(
    severity="low",
    optional=True,
    cis="2.1",
    owasp="RULE 11",
    nist="4.5.1",
    equivalents={"docker-bench": "2.1"},
    live=True,
)
def engine_without_root(engine: Engine) -> Findings:
    """The engine runs without root.

    Whoever may talk to an engine that is root is root on the host, and so is whoever breaks out of a container of it.
    """
    if not engine.rootless.value:
        yield engine.rootless.finding(
            "the engine runs as root", advice("install it for one user: dockerd-rootless-setuptool.sh install")
        )


@control(severity="low", optional=True, cis="2.2", owasp="RULE 5", equivalents={"docker-bench": "2.2"}, live=True)
def default_bridge_isolates(engine: Engine) -> Findings:
    """Containers on the default network do not reach each other.

    What is started without a network of its own lands there, beside everything else that was.

    Bad::

        {"icc": true}  # <-

    Good::

        {"icc": false}
    """
    if engine.bridge_connects.value:
        yield engine.bridge_connects.finding(
            "containers on the default network reach each other", _written('"icc": false')
        )


@control(severity="low", optional=True, cis="2.3", owasp="RULE 10", equivalents={"docker-bench": "2.3"}, live=True)
def engine_logs_at_info(engine: Engine) -> Findings:
    """The engine logs at level info.

    Above it what happened is missing when somebody asks; below it the log holds more than it should, and is slow.

    Bad::

        {"log-level": "debug"}  # <-

    Good::

        {"log-level": "info"}
    """
    level = engine.log_level
    if level.value != "info":
        yield level.finding(f"the engine logs at level {level.value}", _written('"log-level": "info"'))


@control(severity="medium", optional=True, cis="2.4", equivalents={"docker-bench": "2.4"}, live=True)
def engine_manages_its_firewall(engine: Engine) -> Findings:
    """The engine sets up its own firewall rules.

    Without them networks are not kept apart, and `internal: true` means nothing.

    Bad::

        {"iptables": false}  # <-

    Good::

        {"iptables": true}
    """
    if not engine.manages_firewall.value:
        yield engine.manages_firewall.finding(
            "the engine sets up no firewall rules, so its networks are not kept apart", _written('"iptables": true')
        )


@control(severity="medium", optional=True, cis="2.5", nist="4.2.1", equivalents={"docker-bench": "2.5"}, live=True)
def encrypted_registries(engine: Engine) -> Findings:
    """Images come encrypted, from registries that are who they say.

    Whoever is between the engine and an insecure registry chooses what runs, and reads the password.

    Bad::

        {"insecure-registries": ["registry.internal:5000"]}  # <-

    Good::

        {"insecure-registries": []}
    """
    for registry in engine.insecure_registries.value:
        yield engine.insecure_registries.finding(
            f"the engine trusts {registry} without a certificate",
            advice("give the registry a certificate, and its CA to the engine in /etc/docker/certs.d"),
        )


@control(severity="low", optional=True, cis="2.6", equivalents={"docker-bench": "2.6"}, live=True)
def maintained_storage_driver(engine: Engine) -> Findings:
    """The storage driver is one that is still maintained.

    aufs was never in the kernel, and devicemapper and the first overlay have been taken out of the engine.
    """
    driver = engine.storage_driver
    if driver.value in _OLD_DRIVERS:
        yield driver.finding(f"the storage driver is {driver.value}", _written('"storage-driver": "overlay2"'))


@control(
    severity="critical",
    optional=True,
    cis="2.7",
    owasp="RULE 1",
    nist="4.5.4",
    equivalents={"docker-bench": "2.7"},
    live=True,
)
def remote_engine_asks_for_certificates(engine: Engine) -> Findings:
    """An engine on the network asks its clients for a certificate.

    Everybody who reaches its port is root on the host: there is no password.

    Bad::

        {"hosts": ["tcp://0.0.0.0:2375"], "tls": false}  # <-

    Good::

        {"hosts": ["fd://"]}
    """
    remote = [address for address in engine.listeners.value if not address.startswith(_LOCAL)]
    if remote and not engine.verifies_clients.get(False):
        yield engine.listeners.finding(
            f"the engine answers everybody at {', '.join(remote)}", _written('"tlsverify": true')
        )


@control(severity="info", optional=True, cis="2.8", owasp="RULE 7", equivalents={"docker-bench": "2.8"}, live=True)
def default_ulimits(engine: Engine) -> Findings:
    """The engine gives containers limits of files and processes of its own.

    Else a container may open as many files as the engine itself: on many hosts a million.

    Bad::

        {"default-ulimits": {}}  # <-

    Good::

        {"default-ulimits": {"nofile": {"Name": "nofile", "Soft": 1024, "Hard": 4096}}}
    """
    if not engine.default_ulimits.value:
        yield engine.default_ulimits.finding(
            "no default ulimits are set",
            _written('"default-ulimits": {"nofile": {"Name": "nofile", "Soft": 1024, "Hard": 4096}}'),
        )


@control(
    severity="low",
    optional=True,
    cis="2.9",
    owasp="RULE 2",
    nist="4.4.3",
    equivalents={"docker-bench": "2.9"},
    live=True,
)
def user_namespaces_remapped(engine: Engine) -> Findings:
    """Root in a container is nobody on the host.

    With user namespaces, or without root itself, an engine gives a container ids that own nothing outside.
    """
    if not (engine.user_namespaces.value or engine.rootless.value):
        yield engine.user_namespaces.finding(
            "root in a container has the id of root on the host", _written('"userns-remap": "default"')
        )


@control(severity="info", optional=True, cis="2.10", equivalents={"docker-bench": "2.10"}, live=True)
def engine_default_cgroup(engine: Engine) -> Findings:
    """Containers are in the control group that the engine has for them.

    In another one they share the limits, and the fate, of whatever else is there.

    Bad::

        {"cgroup-parent": "/elsewhere"}  # <-

    Good::

        {"cgroup-parent": ""}
    """
    parent = engine.cgroup_parent
    if parent.value not in ("", "/docker", "docker", "system.slice"):
        yield parent.finding(f"containers are put below the control group {parent.value}", advice("leave it out"))


@control(severity="info", optional=True, cis="2.11", equivalents={"docker-bench": "2.11"}, live=True)
def base_device_size_kept(engine: Engine) -> Findings:
    """The size of the base device is the engine's own.

    It can be raised and not lowered, and a larger one lets a single container fill the disk.
    """
    if engine.storage_driver.value != "devicemapper":
        not_applicable("only the driver devicemapper has one")
    size = engine.base_device_size
    if size.value:
        yield size.finding(f"the base device is set to {size.value}", advice("leave out `dm.basesize`"))


@control(severity="low", optional=True, cis="2.12", nist="4.5.4", equivalents={"docker-bench": "2.12"}, live=True)
def engine_authorises_requests(engine: Engine) -> Findings:
    """A plugin decides which requests the engine obeys.

    Without one, whoever may start a container may start a privileged one.
    """
    if not engine.authorization_plugins.value:
        yield engine.authorization_plugins.finding(
            "every client may ask for everything", _written('"authorization-plugins": ["PLUGIN"]')
        )


@control(severity="low", optional=True, cis="2.13", equivalents={"docker-bench": "2.13"}, live=True)
def logs_leave_the_host(engine: Engine) -> Findings:
    """The logs of containers are collected elsewhere.

    What lies on the host alone goes with it, or with whoever broke into it.

    Bad::

        {"log-driver": "json-file"}  # <-

    Good::

        {"log-driver": "syslog"}
    """
    driver = engine.logging_driver
    if driver.value in _LOCAL_LOGS:
        yield driver.finding(
            f"logs are kept by the driver {driver.value}, on this host alone", _written('"log-driver": "journald"')
        )


@control(severity="low", optional=True, cis="2.14", owasp="RULE 4", equivalents={"docker-bench": "2.14"}, live=True)
def engine_denies_new_privileges(engine: Engine) -> Findings:
    """No container gains privileges unless it asks to.

    The engine then sets `no-new-privileges` for all that does not say otherwise.

    Bad::

        {"no-new-privileges": false}  # <-

    Good::

        {"no-new-privileges": true}
    """
    if not engine.no_new_privileges.value:
        yield engine.no_new_privileges.finding(
            "containers may gain privileges unless they say otherwise", _written('"no-new-privileges": true')
        )


@control(severity="info", optional=True, cis="2.15", equivalents={"docker-bench": "2.15"}, live=True)
def containers_outlive_the_engine(engine: Engine) -> Findings:
    """Containers go on while the engine is updated.

    Where an update stops everything, it is put off.

    Bad::

        {"live-restore": false}  # <-

    Good::

        {"live-restore": true}
    """
    if engine.swarm.get(False):
        not_applicable("in swarm mode there is no such setting")
    if not engine.live_restore.value:
        yield engine.live_restore.finding("containers stop when the engine does", _written('"live-restore": true'))


@control(severity="info", optional=True, cis="2.16", equivalents={"docker-bench": "2.16"}, live=True)
def no_userland_proxy(engine: Engine) -> Findings:
    """Published ports need no process of the engine.

    The kernel forwards them. The proxy is one more program of root that reads what strangers send, and hides who they
    are.

    Bad::

        {"userland-proxy": true}  # <-

    Good::

        {"userland-proxy": false}
    """
    if engine.userland_proxy.value:
        yield engine.userland_proxy.finding(
            "a process of root stands behind every published port", _written('"userland-proxy": false')
        )


@control(
    severity="high",
    optional=True,
    cis="2.17",
    owasp="RULE 6",
    nist="4.4.3",
    equivalents={"docker-bench": "2.17"},
    live=True,
)
def engine_filters_system_calls(engine: Engine) -> Findings:
    """The engine filters the system calls of containers.

    Without seccomp every container may ask the kernel for everything, whatever its compose file says.

    Bad::

        {"seccomp-profile": "unconfined"}  # <-

    Good::

        {"seccomp-profile": "builtin"}
    """
    profile = engine.seccomp_profile
    if profile.value in ("", "unconfined"):
        message = "no system call is filtered by default" if profile.value else "the engine knows no seccomp"
        yield profile.finding(message, _written('"seccomp-profile": "builtin"'))


@control(severity="info", optional=True, cis="2.18", equivalents={"docker-bench": "2.18"}, live=True)
def no_experimental_features(engine: Engine) -> Findings:
    """The engine has no experimental features on.

    They may change or go, and have been tested by fewer.

    Bad::

        {"experimental": true}  # <-

    Good::

        {"experimental": false}
    """
    if engine.experimental.value:
        yield engine.experimental.finding("experimental features are on", _written('"experimental": false'))


def _written(setting: str) -> Remedy:
    return advice(f"in daemon.json: {setting}")

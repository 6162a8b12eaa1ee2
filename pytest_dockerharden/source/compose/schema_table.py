"""Every key of the Compose Specification that Docker Compose 5.6.1 knows, and what its value may be."""

from __future__ import annotations

from pytest_dockerharden.source.compose.scalars import Timestamp
from pytest_dockerharden.source.compose.schema_rules import (
    NAME,
    NULL,
    Rule,
    either,
    list_of,
    mapping,
    matching,
    named,
    scalar,
    word,
)

ANYTHING = Rule(anything=True)
TEXT = scalar(str)
FLAG = scalar(bool, str)
INTEGER = scalar(int, str)
COUNT = scalar(int, str, bounds=(0, 2**63))
NUMBER = scalar(int, float, str)
PLAIN_NUMBER = scalar(int, float)
TEXTS = list_of(TEXT)
DISTINCT_TEXTS = list_of(TEXT, distinct=True)
TEXT_OR_TEXTS = either(TEXT, TEXTS)
SCALAR_OR_NULL = scalar(str, int, float, bool, NULL, Timestamp)
KEY_VALUES = either(DISTINCT_TEXTS, named(SCALAR_OR_NULL))
OPTIONS = named(scalar(int, float, str, Timestamp))
COMMAND = either(scalar(str, NULL), TEXTS)
EXTRA_HOSTS = either(DISTINCT_TEXTS, named(either(TEXT, TEXTS)))
EXTERNAL = mapping({"name": TEXT}, scalars=(bool, str))
ULIMITS = named(
    either(INTEGER, mapping({"soft": INTEGER, "hard": INTEGER}, "soft", "hard")),
)
FILE_MOUNTS = list_of(
    either(TEXT, mapping({"source": TEXT, "target": TEXT, "uid": TEXT, "gid": TEXT, "mode": NUMBER})),
)
DEVICE_KEYS = {
    "capabilities": DISTINCT_TEXTS,
    "count": INTEGER,
    "device_ids": DISTINCT_TEXTS,
    "driver": TEXT,
    "options": KEY_VALUES,
}
ROLLOUT = mapping(
    {
        **dict.fromkeys(("delay", "failure_action", "monitor"), TEXT),
        "parallelism": COUNT,
        "max_failure_ratio": NUMBER,
        "order": word("start-first", "stop-first"),
    }
)
GENERIC_RESOURCES = list_of(mapping({"discrete_resource_spec": mapping({"kind": TEXT, "value": NUMBER})}))
LIMITS = {"cpus": NUMBER, "memory": TEXT}
RESOURCES = mapping(
    {
        "limits": mapping({**LIMITS, "pids": INTEGER}),
        "reservations": mapping(
            {
                **LIMITS,
                "generic_resources": GENERIC_RESOURCES,
                "devices": list_of(mapping(DEVICE_KEYS, "capabilities")),
            }
        ),
    }
)
DEPLOY = mapping(
    {
        "mode": TEXT,
        "endpoint_mode": TEXT,
        "replicas": INTEGER,
        "labels": KEY_VALUES,
        "rollback_config": ROLLOUT,
        "update_config": ROLLOUT,
        "resources": RESOURCES,
        "restart_policy": mapping({"condition": TEXT, "delay": TEXT, "max_attempts": COUNT, "window": TEXT}),
        "placement": mapping(
            {
                "constraints": TEXTS,
                "preferences": list_of(mapping({"spread": TEXT})),
                "max_replicas_per_node": COUNT,
            }
        ),
    },
    scalars=(NULL,),
)
HOOK = mapping(
    {"command": COMMAND, "user": TEXT, "privileged": FLAG, "working_dir": TEXT, "environment": KEY_VALUES},
    "command",
)
DEVELOP = mapping(
    {
        "watch": list_of(
            mapping(
                {
                    **dict.fromkeys(("ignore", "include"), TEXT_OR_TEXTS),
                    "path": TEXT,
                    "action": word("rebuild", "sync", "restart", "sync+restart", "sync+exec"),
                    "target": TEXT,
                    "exec": HOOK,
                    "initial_sync": scalar(bool),
                },
                "path",
                "action",
            )
        )
    },
    scalars=(NULL,),
)
HEALTHCHECK = mapping(
    {
        **dict.fromkeys(("interval", "timeout", "start_period", "start_interval"), TEXT),
        "test": TEXT_OR_TEXTS,
        "disable": FLAG,
        "retries": scalar(int, float, str, bounds=(0, 2**63)),
    }
)
BUILD = either(
    TEXT,
    mapping(
        {
            **dict.fromkeys(("context", "dockerfile", "dockerfile_inline", "network", "target", "isolation"), TEXT),
            **dict.fromkeys(("entitlements", "cache_from", "cache_to", "tags", "platforms"), TEXTS),
            **dict.fromkeys(("args", "ssh", "labels", "additional_contexts"), KEY_VALUES),
            **dict.fromkeys(("no_cache", "pull", "privileged", "provenance", "sbom"), FLAG),
            "no_cache_filter": TEXT_OR_TEXTS,
            "shm_size": INTEGER,
            "extra_hosts": EXTRA_HOSTS,
            "secrets": FILE_MOUNTS,
            "ulimits": ULIMITS,
        }
    ),
)
MOUNT = mapping(
    {
        "type": word("bind", "volume", "tmpfs", "cluster", "npipe", "image"),
        **dict.fromkeys(("source", "target", "consistency"), TEXT),
        "read_only": FLAG,
        "bind": mapping(
            {
                "propagation": TEXT,
                "create_host_path": FLAG,
                "recursive": word("enabled", "disabled", "writable", "readonly"),
                "selinux": word("z", "Z"),
            }
        ),
        "volume": mapping({"labels": KEY_VALUES, "nocopy": FLAG, "subpath": TEXT}),
        "tmpfs": mapping({"size": scalar(int, str, bounds=(0, 2**63)), "mode": PLAIN_NUMBER}),
        "image": mapping({"subpath": TEXT}),
    },
    "type",
)
PORT = mapping(
    {
        **dict.fromkeys(("name", "mode", "host_ip", "protocol", "app_protocol"), TEXT),
        "target": COUNT,
        "published": INTEGER,
    }
)
DEPENDENCY = mapping(
    {
        "restart": FLAG,
        "required": scalar(bool),
        "condition": word("service_started", "service_healthy", "service_completed_successfully"),
    },
    "condition",
)
ATTACHMENT = mapping(
    {
        **dict.fromkeys(("interface_name", "ipv4_address", "ipv6_address", "mac_address"), TEXT),
        **dict.fromkeys(("priority", "gw_priority"), PLAIN_NUMBER),
        **dict.fromkeys(("aliases", "link_local_ips"), TEXTS),
        "driver_opts": OPTIONS,
    },
    scalars=(NULL,),
)
RATES = list_of(mapping({"path": TEXT, "rate": INTEGER}, extensible=False))
BLKIO = mapping(
    {
        **dict.fromkeys(("device_read_bps", "device_read_iops", "device_write_bps", "device_write_iops"), RATES),
        "weight": scalar(int, bounds=(0, 2**63)),
        "weight_device": list_of(mapping({"path": TEXT, "weight": scalar(int)}, extensible=False)),
    },
    extensible=False,
)
ENV_FILE = mapping({"path": TEXT, "format": TEXT, "required": FLAG}, "path", extensible=False)
TEXT_KEYS = (
    *("cgroup_parent", "cpuset", "domainname", "hostname", "image", "ipc", "isolation", "mac_address", "network_mode"),
    *("platform", "pull_refresh_after", "runtime", "stop_grace_period", "stop_signal", "user", "uts", "userns_mode"),
    "working_dir",
)
CONTAINER: dict[str, Rule] = {
    **dict.fromkeys(TEXT_KEYS, TEXT),
    **dict.fromkeys(("init", "oom_kill_disable", "privileged", "read_only"), FLAG),
    **dict.fromkeys(("cpu_shares", "cpu_quota", "cpu_period", "cpu_rt_period", "cpu_rt_runtime", "cpus"), NUMBER),
    **dict.fromkeys(("mem_limit", "memswap_limit", "pids_limit", "shm_size"), NUMBER),
    **dict.fromkeys(("mem_reservation", "mem_swappiness"), INTEGER),
    **dict.fromkeys(("command", "entrypoint"), COMMAND),
    **dict.fromkeys(("annotations", "environment", "labels", "sysctls"), KEY_VALUES),
    **dict.fromkeys(("cap_add", "cap_drop", "dns_opt"), TEXTS),
    **dict.fromkeys(("security_opt", "volumes_from", "device_cgroup_rules"), DISTINCT_TEXTS),
    **dict.fromkeys(("dns", "dns_search", "tmpfs", "label_file"), TEXT_OR_TEXTS),
    **dict.fromkeys(("configs", "secrets"), FILE_MOUNTS),
    "blkio_config": BLKIO,
    "cgroup": word("host", "private"),
    "cpu_count": COUNT,
    "cpu_percent": scalar(int, str, bounds=(0, 100)),
    "credential_spec": mapping({"config": TEXT, "file": TEXT, "registry": TEXT}),
    "devices": list_of(either(TEXT, mapping({"source": TEXT, "target": TEXT, "permissions": TEXT}, "source"))),
    "env_file": either(TEXT, list_of(either(TEXT, ENV_FILE))),
    "extra_hosts": EXTRA_HOSTS,
    "gpus": either(word("all"), list_of(mapping(DEVICE_KEYS, others=ANYTHING))),
    "group_add": list_of(INTEGER, distinct=True),
    "logging": mapping({"driver": TEXT, "options": named(scalar(str, int, float, NULL, Timestamp))}),
    "models": either(DISTINCT_TEXTS, named(mapping({"endpoint_var": TEXT, "model_var": TEXT}, scalars=(NULL,)))),
    "networks": either(DISTINCT_TEXTS, named(ATTACHMENT, NAME)),
    "oom_score_adj": scalar(int, str, bounds=(-1000, 1000)),
    "pid": scalar(str, NULL),
    "pull_policy": matching(
        r"^(?:always|never|build|if_not_present|missing|refresh|daily|weekly|every_(?:[0-9]+[wdhms])+)$"
    ),
    "storage_opt": named(scalar(str, int, NULL)),
    "ulimits": ULIMITS,
    "use_api_socket": scalar(bool),
    "volumes": list_of(either(TEXT, MOUNT)),
}
WORKLOAD: dict[str, Rule] = {
    "build": BUILD,
    "depends_on": either(DISTINCT_TEXTS, named(DEPENDENCY, NAME)),
    "expose": list_of(NUMBER),
    "healthcheck": HEALTHCHECK,
    "ports": list_of(either(NUMBER, PORT)),
    **dict.fromkeys(("stdin_open", "tty"), FLAG),
}
PROVIDER_OPTION = scalar(str, int, float, bool, Timestamp)
EXTENDS = either(TEXT, mapping({"service": TEXT, "file": TEXT}, "service", extensible=False))
SERVICE = mapping(
    {
        **CONTAINER,
        **WORKLOAD,
        **dict.fromkeys(("post_start", "pre_stop"), list_of(HOOK)),
        "attach": FLAG,
        "container_name": matching(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+"),
        "deploy": DEPLOY,
        "develop": DEVELOP,
        "extends": EXTENDS,
        "external_links": DISTINCT_TEXTS,
        "links": TEXTS,
        "pre_start": list_of(mapping({**CONTAINER, "per_replica": FLAG})),
        "profiles": TEXTS,
        "provider": mapping(
            {"type": TEXT, "options": named(either(PROVIDER_OPTION, list_of(PROVIDER_OPTION)))}, "type"
        ),
        "restart": TEXT,
        "scale": INTEGER,
    }
)
SCHEDULE = mapping(
    {"cron": TEXT, "timezone": TEXT, "concurrency": word("forbid", "queue"), "missed_fires": word("one", "skip")},
    "cron",
)
JOB = mapping(
    {
        **CONTAINER,
        **WORKLOAD,
        "profiles": TEXTS,
        "triggers": mapping({"manual": FLAG, "schedule": list_of(either(TEXT, SCHEDULE))}),
    },
    "triggers",
)
IPAM = mapping(
    {
        "driver": TEXT,
        "config": list_of(
            mapping({**dict.fromkeys(("subnet", "ip_range", "gateway"), TEXT), "aux_addresses": named(TEXT)})
        ),
        "options": named(TEXT),
    }
)
NETWORK = mapping(
    {
        **dict.fromkeys(("internal", "enable_ipv4", "enable_ipv6", "attachable"), FLAG),
        "name": TEXT,
        "driver": TEXT,
        "driver_opts": OPTIONS,
        "ipam": IPAM,
        "external": EXTERNAL,
        "labels": KEY_VALUES,
    },
    scalars=(NULL,),
)
VOLUME = mapping(
    {"name": TEXT, "driver": TEXT, "driver_opts": OPTIONS, "external": EXTERNAL, "labels": KEY_VALUES},
    scalars=(NULL,),
)
SOURCE_KEYS = {
    **dict.fromkeys(("name", "environment", "file", "template_driver"), TEXT),
    "external": mapping({"name": TEXT}, scalars=(bool, str), others=ANYTHING),
    "labels": KEY_VALUES,
}
SECRET = mapping({**SOURCE_KEYS, "driver": TEXT, "driver_opts": OPTIONS})
CONFIG = mapping({**SOURCE_KEYS, "content": TEXT})
MODEL = mapping({"name": TEXT, "model": TEXT, "context_size": scalar(int), "runtime_flags": TEXTS}, "model")
INCLUDE = either(
    TEXT,
    mapping({"path": TEXT_OR_TEXTS, "env_file": TEXT_OR_TEXTS, "project_directory": TEXT}, extensible=False),
)
FILE = mapping(
    {
        "version": TEXT,
        "name": TEXT,
        "include": list_of(INCLUDE),
        "services": named(SERVICE, NAME),
        "models": named(MODEL, NAME),
        "networks": named(NETWORK, NAME),
        "volumes": named(VOLUME, NAME),
        "secrets": named(SECRET, NAME),
        "configs": named(CONFIG, NAME),
        "jobs": named(JOB, NAME),
    }
)

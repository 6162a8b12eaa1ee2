"""Parsers of /proc on texts as kernels write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_dockerharden.observe import procfs

STATUS = "\n".join(  # Linux 6.18, nginx worker under cap_drop ALL
    [
        "Name:\tnginx",
        "Umask:\t0022",
        "State:\tS (sleeping)",
        "Tgid:\t812",
        "Uid:\t101\t101\t101\t101",
        "Gid:\t102\t102\t102\t102",
        "Groups:\t102 4 ",
        "NSpid:\t812\t7",
        "CapInh:\t0000000000000000",
        "CapEff:\t0000000000000400",
        "CapBnd:\t00000000a80425fb",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
        "",
    ]
)


def test_reads_fields_of_status() -> None:
    fields = procfs.status_fields(STATUS)
    assert fields["Name"] == "nginx"
    assert fields["State"] == "S (sleeping)"
    assert procfs.identifiers(fields["Uid"]) == (101, 101, 101, 101)
    assert procfs.capability_set(fields["CapEff"]) == {"NET_BIND_SERVICE"}
    assert len(procfs.capability_set(fields["CapBnd"])) == 14


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\r"])
def test_a_process_cannot_forge_a_field_by_its_name(separator: str) -> None:
    text = STATUS.replace("nginx", f"a{separator}Uid:\t9 9 9 9")
    assert procfs.status_fields(text)["Uid"] == "101\t101\t101\t101"


@pytest.mark.parametrize(
    ("escaped", "path"),
    [
        (r"/a\040b", "/a b"),
        (r"/a\011b", "/a\tb"),
        (r"/a\012b", "/a\nb"),
        (r"/a\134b", r"/a\b"),
        (r"/a\134040b", r"/a\040b"),
        (r"/a\043b", "/a#b"),
        (r"/a\0b", r"/a\0b"),
        ("/ä", "/ä"),
    ],
)
def test_unescapes_paths_as_the_kernel_escapes_them(escaped: str, path: str) -> None:
    assert procfs.unescape(escaped) == path


def kernel_escape(path: str) -> str:
    """seq_path with the escapes of show_mountinfo: space, tab, newline, backslash, hash."""
    return "".join(f"\\{ord(c):03o}" if c in " \t\n\\#" else c for c in path)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40))
@settings(deadline=None, max_examples=100)
def test_every_path_survives_the_escaping(path: str) -> None:
    line = f"5 1 0:5 {kernel_escape('/' + path)} {kernel_escape('/x' + path)} rw,nosuid shared:3 - ext4 /dev/sda rw"
    (mount,) = procfs.mount_lines(line + "\n")
    assert (mount.root, mount.target) == ("/" + path, "/x" + path)
    assert mount.propagation == ("shared:3",)


def test_reads_a_line_without_optional_fields_and_one_with_two() -> None:
    plain, both = procfs.mount_lines(
        "600 500 0:50 / / ro,relatime - overlay overlay rw,lowerdir=/l,upperdir=/u\n"
        "601 600 0:51 / /data rw master:4 propagate_from:2 - tmpfs tmpfs rw,size=65536k,mode=700,uid=999\n"
    )
    assert (plain.type, plain.propagation, plain.options) == ("overlay", (), {"ro", "relatime"})
    assert (both.propagation, both.option("size"), both.option("uid")) == (
        ("master:4", "propagate_from:2"),
        "65536k",
        "999",
    )


def test_a_source_may_be_empty() -> None:
    (mount,) = procfs.mount_lines("600 500 0:50 / /x rw - tmpfs  rw,size=4k\n")
    assert (mount.source, mount.super_options) == ("", ("rw", "size=4k"))


def shown(*mounts: tuple[int, int, str]) -> list[int]:
    """Ids of the visible mounts of a table of (id, parent, target)."""
    lines = "".join(f"{i} {parent} 0:1 / {target} rw - tmpfs tmpfs rw\n" for i, parent, target in mounts)
    return [mount.id for mount in procfs.visible(procfs.mount_lines(lines))]


ROOT = (1, 0, "/")


@pytest.mark.parametrize(
    ("mounts", "visible"),
    [
        pytest.param([ROOT, (2, 1, "/a"), (3, 2, "/a")], [1, 3], id="stacked on one target"),
        pytest.param([ROOT, (2, 1, "/a"), (3, 2, "/a"), (4, 3, "/a"), (5, 4, "/a")], [1, 5], id="a deep stack"),
        pytest.param([ROOT, (2, 1, "/a/b"), (3, 1, "/a")], [1, 3], id="hidden by a mount on a folder above"),
        pytest.param([ROOT, (2, 1, "/a"), (3, 2, "/a/b")], [1, 2, 3], id="below another, both visible"),
        pytest.param([ROOT, (3, 2, "/a/b"), (2, 1, "/a")], [1, 3, 2], id="ids used again: the order says nothing"),
        pytest.param([ROOT, (3, 2, "/a"), (2, 1, "/a")], [1, 3], id="a stack out of order"),
        pytest.param([ROOT, (2, 1, "/a"), (3, 1, "/ab")], [1, 2, 3], id="a longer name is no child"),
        pytest.param([ROOT, (2, 1, "/a/b"), (3, 1, "/a"), (4, 3, "/a/b")], [1, 3, 4], id="mounted again above"),
        pytest.param([(7, 6, "/"), (8, 7, "/proc")], [7, 8], id="the root's parent is outside"),
        pytest.param([(7, 7, "/"), (8, 7, "/proc")], [7, 8], id="the root is its own parent"),
        pytest.param([(2, 1, "/a")], [], id="no root: nothing can be said"),
    ],
)
def test_shows_the_mounts_that_a_path_leads_to(mounts: list[tuple[int, int, str]], visible: list[int]) -> None:
    assert shown(*mounts) == visible


@given(st.lists(st.sampled_from(["/a", "/a/b", "/a/b/c", "/d"]), max_size=8), st.randoms())
@settings(deadline=None, max_examples=100)
def test_agrees_with_mounting_one_after_the_other_in_any_order(targets: list[str], random: object) -> None:
    table = [ROOT]
    alive = {1: "/"}
    for number, target in enumerate(targets, 2):
        parent = max(
            (i for i, t in alive.items() if target == t or target.startswith(t.rstrip("/") + "/")),
            key=lambda i: (len(alive[i]), i),
        )
        table.append((number, parent, target))
        alive = {i: t for i, t in alive.items() if t != target and not t.startswith(target + "/")} | {number: target}
    random.shuffle(table)  # type: ignore[attr-defined]
    assert sorted(shown(*table)) == sorted(alive)


TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000   999        0 71823 1 0000 100 0 0 10 0
   1: 0B00007F:A2C1 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 71700 1 0000 100 0 0 10 0
   2: 0100007F:18EB 0100007F:C35A 01 00000000:00000000 00:00000000 00000000   999        0 71900 1 0000 20 0 0 10 -1
"""
TCP6 = """  sl  local_address                         remote_address                        st tx_queue rx_queue
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 5001 1 0 100
   1: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 5002 1 0 100
   2: 0000000000000000FFFF00000100007F:1F91 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 5003 1 0 100
   3: B80D0120000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 5004 1 0 100
"""
UDP = """   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer
  10: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 9001 2 0000 0
  11: 0200000A:9C40 08080808:0035 01 00000000:00000000 00:00000000 00000000     0        0 9002 2 0000 0
"""


def test_finds_listeners_and_leaves_connections() -> None:
    found = procfs.listening_sockets(TCP, "tcp")
    assert [(s.address, s.port, s.inode) for s in found] == [("0.0.0.0", 6379, 71823), ("127.0.0.11", 41665, 71700)]


def test_reads_ipv6_addresses_word_by_word() -> None:
    found = [(s.address, s.port) for s in procfs.listening_sockets(TCP6, "tcp6")]
    assert found == [("::", 80), ("::1", 8080), ("127.0.0.1", 8081), ("2001:db8::1", 443)]


def test_a_udp_socket_with_a_peer_is_a_client() -> None:
    assert [(s.address, s.port) for s in procfs.listening_sockets(UDP, "udp")] == [("0.0.0.0", 53)]


@pytest.mark.parametrize("text", ["", "  sl  local_address\n", "  sl\n   0: short\n"])
def test_no_listener_in_an_empty_table(text: str) -> None:
    assert procfs.listening_sockets(text, "tcp") == []


@pytest.mark.parametrize(
    ("uid_map", "host_root"),
    [
        pytest.param("         0          0 4294967295\n", True, id="no user namespace"),
        pytest.param("         0     100000      65536\n", False, id="userns-remap"),
        pytest.param("         0       1000          1\n         1     100000      65536\n", False, id="rootless"),
        pytest.param("         0          0          1\n         1     100000      65535\n", True, id="root kept"),
        pytest.param("         1     100000      65535\n", False, id="root not mapped"),
        pytest.param("", False, id="a new user namespace without a map yet"),
    ],
)
def test_tells_whether_root_is_the_hosts_root(uid_map: str, host_root: bool) -> None:
    assert procfs.maps_host_root(uid_map) is host_root


def test_reads_limits_with_spaces_in_their_names() -> None:
    text = (
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max cpu time              unlimited            unlimited            seconds   \n"
        "Max open files            1024                 524288               files     \n"
        "Max nice priority         0                    0                    \n"
    )
    assert procfs.limits(text) == {
        "Max cpu time": (-1, -1),
        "Max open files": (1024, 524288),
        "Max nice priority": (0, 0),
    }


@pytest.mark.parametrize(
    ("cmdline", "argv"),
    [
        ("nginx\0-g\0daemon off;\0", ("nginx", "-g", "daemon off;")),
        ("sh\0-c\0\0", ("sh", "-c")),
        ("sh\0\0x\0", ("sh", "", "x")),
        ("redis-server *:6379\0\0\0\0", ("redis-server *:6379",)),
        ("", ()),
    ],
)
def test_splits_a_command_line(cmdline: str, argv: tuple[str, ...]) -> None:
    assert procfs.words(cmdline) == argv


def test_keeps_names_of_variables_only() -> None:
    assert procfs.variable_names("A=1\0TOKEN=s3cr=t\0EMPTY=\0\0") == {"A", "TOKEN", "EMPTY"}


def test_reads_a_namespace_link() -> None:
    assert procfs.namespace_inode("pid:[4026531836]") == 4026531836
    assert procfs.namespace_inode("") == 0


@pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="this system has no /proc")
def test_reads_the_tables_of_this_kernel() -> None:
    mounts = procfs.mount_lines(Path("/proc/self/mountinfo").read_text(encoding="utf-8"))
    assert "/" in {mount.target for mount in procfs.visible(mounts)}
    assert procfs.identifiers(procfs.status_fields(Path("/proc/self/status").read_text())["Uid"])
    procfs.listening_sockets(Path("/proc/self/net/tcp").read_text(), "tcp")

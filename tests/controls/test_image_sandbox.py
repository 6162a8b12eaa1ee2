"""What build steps may do and what they leave in the image."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.dockerfiles import Place, places, shell

TWO = [("0", 2)]


@pytest.mark.parametrize(
    ("control", "text", "expected"),
    [
        pytest.param("run-keeps-the-sandbox", "FROM a:1\nONBUILD RUN --security=insecure x\n", TWO, id="in a trigger"),
        pytest.param("run-keeps-its-network", "FROM a:1\nRUN --network=host x\n", TWO, id="host network"),
        pytest.param("no-volume-on-system-directories", 'FROM a:1\nVOLUME ["/run/docker.sock"]\n', TWO, id="/run"),
        pytest.param("no-volume-on-system-directories", "FROM a:1\nVOLUME /sys\n", TWO, id="/sys"),
        pytest.param("workdir-outside-system-directories", "FROM a:1\nWORKDIR /proc/1\n", TWO, id="below /proc"),
        pytest.param("workdir-outside-system-directories", "FROM a:1\nWORKDIR /usr/bin/\n", TWO, id="a trailing slash"),
        pytest.param(
            "workdir-outside-system-directories", "FROM a:1\nENV D=/etc\nWORKDIR $D\n", [("0", 3)], id="by ENV"
        ),
        pytest.param("no-remote-shell-exposed", "FROM a:1\nEXPOSE 22\n", TWO, id="ssh"),
        pytest.param("no-remote-shell-exposed", "FROM a:1\nEXPOSE 20-25/tcp\n", [("0", 2), ("0", 2)], id="a range"),
        pytest.param("no-remote-shell-exposed", "FROM a:1\nARG P=22\nEXPOSE $P\n", [("0", 3)], id="by ARG"),
        pytest.param("no-sudo-in-build", shell("sudo apt-get update"), TWO, id="first"),
        pytest.param("no-sudo-in-build", shell("apt-get update && /usr/bin/sudo -E x"), TWO, id="by its path"),
        pytest.param("no-sudo-in-build", shell('sh -c "sudo x"'), TWO, id="in sh -c"),
        pytest.param("no-sudo-in-build", shell('["sudo", "x"]'), TWO, id="exec form"),
        pytest.param("no-sudo-in-build", shell("<<EOF\nset -e\nsudo x\nEOF"), [("0", 4)], id="in a heredoc"),
        pytest.param("no-sudo-in-build", shell("if true; then sudo x; fi"), TWO, id="in a branch"),
        pytest.param(
            "no-passwordless-sudo", shell('echo "%wheel ALL=(ALL) NOPASSWD: ALL" >> /etc/sudoers'), TWO, id="echo"
        ),
        pytest.param(
            "no-passwordless-sudo", "FROM a:1\nCOPY <<E /etc/s\na NOPASSWD:ALL\nE\n", [("0", 3)], id="heredoc"
        ),
        pytest.param("no-passwords-set-in-build", shell("echo a:b | chpasswd"), TWO, id="chpasswd"),
        pytest.param("no-passwords-set-in-build", shell("useradd -p secret app"), TWO, id="useradd -p"),
        pytest.param("no-world-writable-files", shell("chmod 777 /a"), TWO, id="777"),
        pytest.param("no-world-writable-files", shell("chmod -R a+rwX /a"), TWO, id="a+rwX"),
        pytest.param("no-world-writable-files", shell("chmod -v o=rw /a"), TWO, id="o=rw"),
        pytest.param("no-world-writable-files", shell("mkdir -m 0777 /a"), TWO, id="mkdir"),
        pytest.param("no-world-writable-files", shell("install -d -m 777 /a"), TWO, id="install"),
        pytest.param("no-world-writable-files", shell("chmod 2777 /a"), TWO, id="setgid does not help"),
        pytest.param("no-world-writable-files", "FROM a:1\nADD --chmod=777 a /a\n", TWO, id="ADD"),
        pytest.param("no-privileges-on-files", shell("chmod 4755 /a"), TWO, id="setuid"),
        pytest.param("no-privileges-on-files", shell("chmod +s /a"), TWO, id="+s"),
        pytest.param("no-privileges-on-files", shell("setcap 'cap_net_raw+ep' /a"), TWO, id="setcap"),
        pytest.param("ssh-host-keys-are-known", shell("ssh -o StrictHostKeyChecking=no h true"), TWO, id="-o"),
        pytest.param(
            "ssh-host-keys-are-known",
            shell('echo "StrictHostKeyChecking no" >> /etc/ssh/ssh_config'),
            TWO,
            id="written",
        ),
        pytest.param("ssh-host-keys-are-known", shell("ssh-keyscan h >> /root/.ssh/known_hosts"), TWO, id="keyscan"),
        pytest.param("no-remote-code-piped-to-a-shell", shell("curl x | sh"), TWO, id="curl | sh"),
        pytest.param("no-remote-code-piped-to-a-shell", shell("wget -qO- x | sudo -E bash -"), TWO, id="with sudo"),
        pytest.param("no-remote-code-piped-to-a-shell", shell("curl x | python3"), TWO, id="python"),
        pytest.param("no-remote-code-piped-to-a-shell", shell("bash <(curl x)"), TWO, id="process substitution"),
        pytest.param("no-remote-code-piped-to-a-shell", shell('sh -c "$(curl x)" "" -y'), TWO, id="sh -c"),
        pytest.param(
            "no-remote-code-piped-to-a-shell", shell("curl x | gunzip | sh -s -- -y"), TWO, id="through a filter"
        ),
        pytest.param("gpu-devices-are-not-fixed", "FROM a:1\nENV NVIDIA_VISIBLE_DEVICES=0\n", TWO, id="a device"),
        pytest.param("only-build-commands", shell("mount -t tmpfs none /x"), TWO, id="mount"),
        pytest.param("pipes-fail-with-their-parts", shell("a | b"), TWO, id="no pipefail"),
    ],
)
def test_a_dangerous_step_is_found(tmp_path: Path, control: str, text: str, expected: list[Place]) -> None:
    assert places(tmp_path, text, control) == expected


@pytest.mark.parametrize(
    ("control", "text"),
    [
        pytest.param("run-keeps-the-sandbox", "FROM a:1\nRUN --security=sandbox x\n", id="the default"),
        pytest.param("run-keeps-its-network", shell("curl --network=host x"), id="a flag of another program"),
        pytest.param("no-volume-on-system-directories", "FROM a:1\nVOLUME /var/lib/data /run/app\n", id="data"),
        pytest.param("no-volume-on-system-directories", "FROM a:1\nVOLUME /developer\n", id="only begins so"),
        pytest.param("workdir-outside-system-directories", "FROM a:1\nWORKDIR /usr/src/app\n", id="/usr/src/app"),
        pytest.param("workdir-outside-system-directories", "FROM a:1\nWORKDIR /etc/nginx\n", id="a program's own"),
        pytest.param("workdir-outside-system-directories", "FROM a:1\nWORKDIR /devops\n", id="only begins so"),
        pytest.param("workdir-outside-system-directories", 'FROM a:1\nWORKDIR ""\n', id="empty"),
        pytest.param("no-remote-shell-exposed", "FROM a:1\nEXPOSE 2222 222 8022\n", id="other ports"),
        pytest.param("no-remote-shell-exposed", "FROM a:1\nEXPOSE 22/udp\n", id="ssh is tcp"),
        pytest.param("no-remote-shell-exposed", "FROM a:1\nEXPOSE $PORT\n", id="unknown"),
        pytest.param("no-sudo-in-build", shell("apt-get install -y sudo"), id="installed, not used"),
        pytest.param("no-sudo-in-build", shell("echo 'use sudo x'"), id="in a string"),
        pytest.param("no-sudo-in-build", shell("visudo -c && pseudo x"), id="another name"),
        pytest.param("no-sudo-in-build", "FROM a:1\nCOPY sudo /sudo\nCMD sudo x\n", id="not in RUN"),
        pytest.param("no-sudo-in-build", shell("true # sudo x"), id="a comment"),
        pytest.param("no-passwordless-sudo", shell('echo "a ALL=(ALL) ALL" > /etc/sudoers.d/a'), id="with a password"),
        pytest.param("no-passwords-set-in-build", shell("passwd -l root"), id="locked"),
        pytest.param("no-passwords-set-in-build", shell("useradd -p '*' app && adduser -D x"), id="no password"),
        pytest.param("no-passwords-set-in-build", shell("mkdir -p /etc/passwd.d"), id="another -p"),
        pytest.param(
            "no-world-writable-files", shell("chmod 775 /a && chmod 0644 /b && chmod 1777 /tmp"), id="fine modes"
        ),
        pytest.param(
            "no-world-writable-files", shell("chmod +w /a && chmod u+rwx,g+w /b"), id="umask takes it from others"
        ),
        pytest.param("no-world-writable-files", shell("chmod o-w /a && chmod a-w /b"), id="taken away"),
        pytest.param("no-world-writable-files", shell("chmod 666 /dev/stdout /dev/stderr"), id="devices of the build"),
        pytest.param("no-world-writable-files", shell("chmod -R +x /777"), id="a path"),
        pytest.param("no-world-writable-files", shell("chmod --reference=/a /777"), id="of another file"),
        pytest.param("no-world-writable-files", shell("mkdir -p 777 && install -m 755 a 777"), id="names"),
        pytest.param("no-privileges-on-files", shell("chmod g+s /shared && chmod 2775 /b"), id="setgid on a directory"),
        pytest.param("no-privileges-on-files", shell("chmod u-s /a && setcap -r /a"), id="taken away"),
        pytest.param("ssh-host-keys-are-known", shell("ssh -o StrictHostKeyChecking=yes h"), id="checked"),
        pytest.param("no-remote-code-piped-to-a-shell", shell("curl x | tar xz && sh ./y"), id="an archive"),
        pytest.param("no-remote-code-piped-to-a-shell", shell("curl x -o y && sha256sum -c z && sh y"), id="checked"),
        pytest.param(
            "no-remote-code-piped-to-a-shell", shell("curl x | python3 -c 'import json'"), id="data for a program"
        ),
        pytest.param("no-remote-code-piped-to-a-shell", shell('V=$(curl x) && sh build.sh "$V"'), id="an argument"),
        pytest.param("no-remote-code-piped-to-a-shell", shell('sh build.sh "$(curl x)"'), id="an argument in place"),
        pytest.param("no-remote-code-piped-to-a-shell", shell("curl x | jq -r .a; cat y | sh"), id="two pipes"),
        pytest.param("only-build-commands", shell("systemctl enable x && apt-get install -y vim"), id="enabled"),
        pytest.param("pipes-fail-with-their-parts", shell("set -o pipefail && a | b"), id="set in place"),
        pytest.param("pipes-fail-with-their-parts", shell("a || b"), id="no pipe"),
        pytest.param("pipes-fail-with-their-parts", shell("echo 'a | b'"), id="in a string"),
        pytest.param("pipes-fail-with-their-parts", 'FROM a:1\nSHELL ["pwsh", "-c"]\nRUN a | b\n', id="PowerShell"),
        pytest.param("pipes-fail-with-their-parts", shell("<<EOF python3\nprint(1 | 2)\nEOF"), id="a script of Python"),
    ],
)
def test_a_harmless_step_is_silent(tmp_path: Path, control: str, text: str) -> None:
    assert places(tmp_path, text, control) == []

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from pytest_dockerharden.report.html.markup import tag
from tests.image.archives import saved
from tests.image.test_front_end import BAD, SECRET
from tests.plugin.conftest import Repo
from tests.report.conftest import COMPOSE, OWN, report

_OPEN = {"meta", "br", "td", "th", "tr"}  # what HTML closes by itself


class Reader(HTMLParser):
    """Checks that elements nest, and keeps ids, links and the addresses that a browser would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.text: list[str] = []
        self.opened: list[str] = []
        self.feed(text)
        assert not self.opened

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.ids += [value for key, value in attributes if key == "id" and value]
        self.links += [value for key, value in attributes if name == "a" and key == "href" and value]
        self.loaded += [str(values[key]) for key in ("src", "srcset", "data") if key in values]
        assert not {key for key in values if key.startswith("on") or key == "style"}
        assert name not in ("link", "iframe", "object", "base", "form", "img")
        if name not in _OPEN:
            self.opened.append(name)

    def handle_endtag(self, name: str) -> None:
        if name not in _OPEN:
            assert self.opened.pop() == name

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture
def page(stack: Repo) -> str:
    return report(stack, "html")


def test_the_page_is_well_formed_and_loads_nothing(page: str) -> None:
    reader = Reader(page)
    assert reader.loaded == []
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|@import|url\(", page)


def test_every_link_leads_somewhere_and_no_id_is_there_twice(page: str) -> None:
    reader = Reader(page)
    assert {link.removeprefix("#") for link in reader.links} <= set(reader.ids)
    assert len(reader.ids) == len(set(reader.ids))


def test_every_service_has_its_column_and_its_posture(page: str) -> None:
    for name in ("redis", "web", "old"):
        assert f'<th scope="col"><a href="#s-{name}">{name}</a></th>' in page
        assert f'<details id="s-{name}"' in page


def test_a_failure_a_pass_and_a_waiver_have_different_marks(page: str) -> None:
    [row] = re.findall(r"<tr><th[^>]*><a href=\"#c-read-only-rootfs\">.*?</tr>", page)
    assert re.findall(r"<td class=(\w+)><i>(\w+)</i>", row) == [
        ("failed", "failed"),
        ("passed", "passed"),
        ("waived", "waived"),
    ]


def test_a_fact_stands_beside_its_source_line(page: str) -> None:
    assert (
        "<tr><th scope=row>read-only root<td><b>yes</b>"
        "<code><small>docker-compose.yml:6</small> read_only: true</code>" in page
    )


def test_what_is_by_default_is_told_in_one_line(page: str) -> None:
    assert re.search(r"<tr><th scope=row>by default<td>privileged: no · .*?SELinux: none", page)
    assert "privileged<td>" not in page


def test_a_waiver_has_its_date(page: str) -> None:
    assert '<time datetime="2999-03-31">2999-03-31</time>' in page
    assert "it writes where it likes" in page


def test_what_is_unknown_says_why(page: str) -> None:
    assert '<th scope="row">nobody knows</th><td>own[web]</td>' in page


def test_the_page_is_the_same_twice(stack: Repo, page: str) -> None:
    assert report(stack, "html") == page


def test_what_fails_below_the_threshold_is_still_explained(stack: Repo) -> None:
    text = report(stack, "html", "--harden-fail-on=high")
    assert "Nothing fails." in text
    assert 'id="c-read-only-rootfs"' in text


def test_nothing_that_fails_is_a_page_without_findings(stack: Repo) -> None:
    text = report(stack, "html", "-k", "web and rootfs")
    assert "Nothing fails." in text
    assert 'id="findings"' not in text
    Reader(text)


HOSTILE = """\
services:
  web:
    image: "<script>alert(1)</script>"
    command: ["echo", "</code><img src=x onerror=alert(1)>", "\\"'"]
    environment:
      DB_PASSWORD: hunter2-and-more
    labels:
      x: "</pre>"
    volumes: ["<b>:/data"]
"""


def test_hostile_text_stays_text(repo: Repo) -> None:
    repo.add("<b>&amp;/compose.yaml", HOSTILE)
    text = report(repo, "html")
    Reader(text)
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_secrets_are_masked_wherever_they_are_repeated(repo: Repo) -> None:
    repo.add("compose.yaml", HOSTILE.replace('"echo"', '"--token hunter2-and-more"'))
    assert "hunter2-and-more" not in report(repo, "html")


def test_services_of_two_combinations_are_told_apart(stack: Repo) -> None:
    stack.add("app/docker-compose.prod.yml", "services:\n  redis:\n    read_only: true\n")
    text = report(stack, "html")
    reader = Reader(text)
    assert {"s-redis", "s-1-redis"} <= set(reader.ids)
    assert {link.removeprefix("#") for link in reader.links} <= set(reader.ids)


def test_the_map_leads_from_outside_to_what_is_published_and_on(repo: Repo) -> None:
    repo.add(
        "compose.yaml",
        "services:\n  proxy: {image: a, ports: ['80:80'], networks: [edge]}\n  db: {image: b, networks: [edge]}\n"
        "networks:\n  edge: {internal: true}\n",
    )
    text = report(repo, "html")
    assert text.count('class="in"></path>') == 1
    assert text.count('class="internal"></path>') == 2
    assert '<th scope="row">db</th><td></td><td>edge</td><td>proxy</td>' in text


def test_a_crash_is_shown_as_such(stack: Repo) -> None:
    stack.add("app/docker-compose.yml", COMPOSE + "  crash:\n    image: x\n")
    text = report(stack, "html")
    Reader(text)
    assert "it crashed" in text


def test_an_attribute_cannot_be_broken_out_of() -> None:
    assert tag("a", title="\"'<&") == '<a title="&quot;&#x27;&lt;&amp;"></a>'


def test_the_map_says_of_a_service_how_many_controls_fail_and_leads_to_its_posture(page: str) -> None:
    [node] = re.findall(r'<a href="#s-redis"><g class="service failed">.*?</a>', page)
    assert "<title>1 failed</title>" in node
    assert re.search(r'<a href="#s-old"><g class="service waived">(?!.*badge).*?</a>', page)


def test_a_service_is_told_at_a_glance(page: str) -> None:
    [summary] = re.findall(r'<details id="s-web".*?</summary>', page)
    assert '<span class="glance">read-only root · the default 14 capabilities · may gain privileges · ' in summary


def test_the_bar_says_in_words_what_it_shows(page: str) -> None:
    assert re.search(r'<svg role="img" class="bar".*?><title>Verdicts: 1 failed, 1 unknown, 1 waived, 2 passed<', page)


def test_what_is_code_in_a_documentation_is_code_on_the_page(repo: Repo) -> None:
    repo.add("dockerharden.toml", 'select = ["own"]\ncontrols = ["own.py"]\n')
    repo.add("own.py", OWN.replace("if False:\n        yield", 'yield Finding("bad", posture.origin)').replace(
        "import Findings", "import Finding, Findings"))  # fmt: skip
    repo.add("compose.yaml", "services:\n  a:\n    image: x\n")
    assert "<p>Because <code>we</code> say so.</p>" in report(repo, "html")


def test_what_changed_since_an_earlier_run_is_shown(stack: Repo) -> None:
    stack.judge("--harden-report=json:out/before.json")
    stack.add(
        "app/docker-compose.yml", COMPOSE.replace("redis:7.2", "redis:7.2\n    read_only: true") + "  new: {image: x}\n"
    )
    text = report(stack, "html", "--harden-compare=out/before.json")
    Reader(text)
    assert "Since before.json</h2>" in text
    assert "<title>before: 1 failed, 1 unknown, 1 waived, 2 passed</title>" in text
    [new] = re.findall(r'<details open class="service">.*?</details>', text)
    assert '<a href="#c-read-only-rootfs">read-only-rootfs</a></th><td>new</td>' in new
    assert '<th scope="row">read-only-rootfs</th><td>redis</td>' in text


def test_without_an_earlier_run_there_is_nothing_to_compare(page: str) -> None:
    assert 'id="since"' not in page


def test_a_report_of_images_shows_images_and_no_stack_that_was_not_judged(stack: Repo) -> None:
    (stack.path / "bad.tar").write_bytes(saved(BAD))
    stack.add("app/dockerharden.toml", 'select = ["built-without-keys"]\n')
    stack.add("dockerharden.toml", 'select = ["built-without-keys"]\n')
    path = stack.path / "out.html"
    stack.pytester.runpytest_inprocess(
        "--harden-image=bad.tar", f"--harden-report=html:{path}", "-p", "no:cacheprovider"
    )
    text = path.read_text(encoding="utf-8")
    Reader(text)
    assert '<section id="images"' in text
    assert '<section id="stack"' not in text
    assert re.search(r"<small>bad(.tar|:1): layer ", text)
    assert SECRET not in text

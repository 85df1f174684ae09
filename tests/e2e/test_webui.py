"""Locust's web UI, as pages of other sites, a person and programs meet it during a run and afterwards."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
import psutil
import pytest
from locust.env import Environment

from loadtests.manual_load import Refused, checked
from loadtests.webui import guard
from loadtests.webui_guard import CHANGES, hosts
from tests.browsing import chromium, site
from tests.e2e.bench import NULL, WAITS, Bench, plan
from waitbench.launch.client import wait_until
from waitbench.launch.local import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Page

PATIENCE_S = 90
"""Other tests run meanwhile, some of them on the core of this Locust and with the right of way."""
TARGET = "null /wait?ms=20"
START = {"user_count": "2", "spawn_rate": "2", "waitbench_target": TARGET}


@dataclass
class UI:
    bench: Bench
    port: int
    started: Any

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with httpx2.Client(base_url=self.address, trust_env=False, timeout=PATIENCE_S) as client:
            return client.request(method, path, data=form, headers=named)

    def swarm(self, **form: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.ask("POST", "/swarm", {**START, **form}).json()
        return answer

    def stats(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.ask("GET", "/stats/requests").json()
        return answer

    def loads(self, users: int) -> bool:
        now = self.stats()
        return bool(now["user_count"] == users and now["stats"][-1]["num_requests"] > 0)

    def idle(self) -> bool:
        return self.stats()["state"] in ("ready", "stopped")

    def stop(self) -> None:
        self.ask("POST", "/stop")
        assert wait_until(self.idle, PATIENCE_S)

    def locust(self) -> psutil.Process:
        children = psutil.Process(self.started.pid).children(recursive=True)
        return next(process for process in children if "locustfile" in " ".join(process.cmdline()))


@dataclass
class DuringRun:
    ui: UI
    answers: dict[str, httpx2.Response]
    """What was answered while a trial was measured."""


FOREIGN = "http://evil.example"


@pytest.fixture(scope="module")
def during(make_bench: Callable[[], Bench]) -> Iterator[DuringRun]:
    """A run that others try to disturb. Its web UI stays up when it is over."""
    bench, port = make_bench(), free_port()
    started = bench.start(plan(WAITS, variants=(NULL,), measure_s=1.0), "--keep-ui", ui=port)
    ui = UI(bench, port, started)
    bench.wait_for(started, bench.measuring())
    answers = {
        "img": ui.ask("GET", "/stop", sec_fetch_site="cross-site"),
        "head": ui.ask("HEAD", "/stop"),
        "foreign stop": ui.ask("POST", "/stop", origin=FOREIGN),
        "no origin": ui.ask("POST", "/stop", sec_fetch_site="cross-site"),
        "null origin": ui.ask("POST", "/stop", origin="null"),
        "same port of another name": ui.ask("POST", "/stop", origin=f"http://evil.example:{port}"),
        "foreign swarm": ui.ask("POST", "/swarm", {**START, "user_count": "99999999"}, origin=FOREIGN),
        "rebinding": ui.ask("POST", "/stop", host=f"evil.example:{port}", origin=f"http://evil.example:{port}"),
        "rebinding, other port": ui.ask("POST", "/stop", host="127.0.0.1:1"),
        "read by a foreign page": ui.ask("GET", "/stats/requests", origin=FOREIGN),
        "read under a foreign name": ui.ask("GET", "/stats/requests", host="evil.example"),
        "preflight": ui.ask("OPTIONS", "/swarm", origin=FOREIGN, access_control_request_method="POST"),
        "swarm": ui.ask("POST", "/swarm", START),
        "user": ui.ask("POST", "/user", origin=ui.address),
        "reset": ui.ask("POST", "/stats/reset", origin=ui.address, sec_fetch_site="same-origin"),
        "page": ui.ask("GET", "/"),
        "read": ui.ask("GET", "/stats/requests", origin=ui.address),
    }
    bench.wait_for(started, lambda: bench.status() != "running")
    yield DuringRun(ui, answers)
    started.send_signal(signal.SIGINT)
    bench.end(started)


@pytest.fixture
def ui(during: DuringRun) -> Iterator[UI]:
    """When the run is over, and no load is going on."""
    assert wait_until(during.ui.idle, PATIENCE_S)
    yield during.ui
    during.ui.stop()


@pytest.mark.live
class TestDuringARun:
    @pytest.mark.fault(
        "security",
        "an image on any page asks for GET /stop",
        "405, and the run goes on: only POST /stop by the web UI's own page, or by a program, ends it",
    )
    def test_the_run_came_to_its_end_whatever_was_tried(self, during: DuringRun) -> None:
        assert during.answers["img"].status_code == 405
        assert during.answers["head"].status_code == 405
        assert during.ui.bench.status() == "complete"
        assert len(during.ui.bench.trial_files()) == 6

    @pytest.mark.parametrize(
        "name", ["foreign stop", "no origin", "null origin", "same port of another name", "foreign swarm", "preflight"]
    )
    @pytest.mark.fault(
        "security",
        "a page of another site sends POST /stop or POST /swarm (CSRF)",
        "refused by its Origin, or by Sec-Fetch-Site where a browser leaves that out",
    )
    def test_a_page_of_another_site_changes_nothing(self, during: DuringRun, name: str) -> None:
        assert during.answers[name].status_code == 403
        assert f"open {during.ui.address}" in during.answers[name].text

    @pytest.mark.parametrize("name", ["rebinding", "rebinding, other port", "read under a foreign name"])
    @pytest.mark.fault(
        "security",
        "the name of another site is made to lead to the web UI (DNS rebinding)",
        "refused: Host has to be a name of this machine, with the web UI's port",
    )
    def test_another_name_is_refused(self, during: DuringRun, name: str) -> None:
        assert during.answers[name].status_code == 403
        assert "is not reached by the name" in during.answers[name].text

    @pytest.mark.fault(
        "security",
        "a page of another site reads the web UI (Access-Control-Allow-Origin: *)",
        "no answer has a header that allows it, and the request is refused",
    )
    def test_a_page_of_another_site_reads_nothing(self, during: DuringRun) -> None:
        assert during.answers["read by a foreign page"].status_code == 403
        for name, answer in during.answers.items():
            assert [header for header in answer.headers if header.lower().startswith("access-control")] == [], name

    @pytest.mark.fault(
        "security",
        "a page of another site shows the web UI in a frame, or lets a browser guess types",
        "every answer forbids frames, guessing, and naming the UI to other sites",
    )
    def test_every_answer_has_the_headers_of_a_careful_site(self, during: DuringRun) -> None:
        for name, answer in during.answers.items():
            assert answer.headers["X-Content-Type-Options"] == "nosniff", name
            assert answer.headers["X-Frame-Options"] == "DENY", name
            assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'", name
            assert answer.headers["Referrer-Policy"] == "same-origin", name

    @pytest.mark.fault(
        "numbers",
        "a load is started by hand while a trial is measured",
        "refused with a sentence; the trial has the users that it was meant to have",
    )
    def test_a_load_by_hand_is_refused_while_the_run_goes_on(self, during: DuringRun) -> None:
        said = during.answers["swarm"].json()
        assert said == {"success": False, "message": said["message"], "host": None}
        assert "a run is going on" in said["message"]
        folder = during.ui.bench.folder()
        assert folder
        assert [trial.disturbance for trial in folder.read_trials(folder.read_run())] == [""] * 6

    def test_what_the_front_end_has_no_button_for_is_refused(self, during: DuringRun) -> None:
        assert during.answers["user"].status_code == 403
        assert during.answers["user"].text == "this web UI takes no POST /user\n"

    def test_the_ui_itself_is_answered(self, during: DuringRun) -> None:
        assert [during.answers[name].status_code for name in ("page", "read", "reset")] == [200] * 3


@pytest.fixture
def page(ui: UI) -> "Iterator[Page]":
    with chromium() as browser:
        opened = browser.new_page()
        opened.set_default_timeout(PATIENCE_S * 1000)
        yield opened


ATTACK = """<title>attack</title>
<img src="{ui}/stop"><script src="{ui}/stats/requests"></script><iframe name="here" src="{ui}/"></iframe>
<form method="post" action="{ui}/swarm" target="here">
<input name="user_count" value="99999999"><input name="spawn_rate" value="99999999"></form>
<script>
const body = new URLSearchParams({{user_count: 5, spawn_rate: 5}});
const tried = (name, call) => call.then(() => "done", () => "failed").then(how => (window[name] = how));
tried("read", fetch("{ui}/stats/requests").then(answer => answer.text()));
tried("swarm", fetch("{ui}/swarm", {{method: "POST", body}}).then(answer => answer.text()));
tried("blind", fetch("{ui}/swarm", {{method: "POST", body, mode: "no-cors"}}));
tried("stop", fetch("{ui}/stop", {{method: "POST", mode: "no-cors"}}));
document.forms[0].submit();
</script>
"""


@pytest.mark.live
@pytest.mark.tools
class TestInABrowser:
    """Before the loads below: Locust fills its form with the run time of the last load."""

    @pytest.mark.fault(
        "security",
        "a page of another site, in a real browser, starts a load, ends one, and reads the web UI",
        "nothing is started, ended, read or shown",
    )
    def test_a_page_of_another_site_can_do_nothing(self, ui: UI, page: "Page") -> None:
        assert ui.swarm(user_count="3")["success"]
        assert wait_until(lambda: ui.loads(users=3), PATIENCE_S)
        with site({"/": ATTACK.format(ui=ui.address)}) as attacker:
            page.goto(attacker.address)
            page.wait_for_function("window.read && window.swarm && window.blind && window.stop")
            assert page.evaluate("[window.read, window.swarm]") == ["failed", "failed"]
            frame = page.frame("here")
            assert frame is not None
            assert "Locust" not in frame.content()
        assert ui.loads(users=3)

    def test_the_front_end_of_locust_starts_resets_and_stops_a_load_and_shows_a_refusal(
        self, ui: UI, page: "Page"
    ) -> None:
        page.goto(ui.address)
        page.get_by_role("button", name="New").click()
        page.locator("input[name=userCount]").fill("20000")
        page.get_by_role("button", name="Start").click()
        page.get_by_text("20000 of users can't be started: give a whole number from 1 to 10,000").wait_for()
        page.locator("input[name=userCount]").fill("3")
        page.get_by_role("button", name="Start").click()
        page.get_by_role("button", name="Stop").wait_for()
        assert wait_until(lambda: ui.loads(users=3), PATIENCE_S), ui.stats()
        with page.expect_response("**/stats/reset") as reset:
            page.get_by_role("button", name="Reset").click()
        assert reset.value.status == 200
        with page.expect_response("**/stop") as stopped:
            page.get_by_role("button", name="Stop").click()
        assert stopped.value.status == 200
        assert wait_until(ui.idle, PATIENCE_S)

    def test_the_report_is_served_without_a_word_of_complaint(self, ui: UI, page: "Page") -> None:
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{ui.address}/waitbench/report")
        assert page.locator("h1").inner_text() == "A test"
        assert page.locator("main table").first.is_visible()  # a busy machine may leave nothing to draw
        assert said == []


@pytest.mark.live
class TestAfterARun:
    @pytest.mark.parametrize(
        ("form", "why"),
        [
            ({"user_count": "99999999"}, "99999999 of users can't be started: give a whole number from 1 to 10,000"),
            ({"run_time": "48h"}, "a run time of 48h is refused"),
            pytest.param(
                {"waitbench_target": "nobody /wait"},
                "there is no target 'nobody /wait' in this run",
                marks=pytest.mark.fault(
                    "security", "a load by hand names a target that the run has not", "refused with a sentence"
                ),
            ),
        ],
    )
    @pytest.mark.fault(
        "security",
        "a load of 99,999,999 users is started by hand, and Locust grows by 105 MiB a second",
        "refused: 1 to 10,000 users, for at most ten minutes, to a target of the run",
    )
    def test_a_load_beyond_the_limits_is_refused(self, ui: UI, form: dict[str, str], why: str) -> None:
        before = ui.locust().memory_info().rss
        said = ui.swarm(**form)
        assert (said["success"], said["host"]) == (False, None)
        assert why in said["message"]
        assert ui.stats()["user_count"] == 0
        assert ui.locust().memory_info().rss - before < 64 * 2**20

    @pytest.mark.fault(
        "security",
        "a start form names another host, or an option of Locust's command line",
        "it is ignored: the load goes to the chosen target of the run",
    )
    def test_other_fields_of_the_form_are_ignored(self, ui: UI) -> None:
        said = ui.swarm(host="http://victim.example", stop_timeout="9999", profile="x", locustfile="/etc/passwd")
        assert said == {"success": True, "message": "Swarming started", "host": None}
        assert wait_until(lambda: ui.loads(users=2), PATIENCE_S)
        assert ui.stats()["stats"][-1]["num_failures"] == 0
        again = ui.swarm(user_count="50")
        assert (again["success"], again["message"]) == (False, "a load is going on: stop it before you start another")
        assert ui.loads(users=2)
        assert "victim.example" not in ui.ask("GET", "/").text

    def test_a_run_time_within_the_limit_ends_the_load(self, ui: UI) -> None:
        assert ui.swarm(run_time="1s")["success"]
        assert wait_until(lambda: ui.stats()["state"] == "stopped", PATIENCE_S)

    def test_a_form_of_many_megabytes_is_not_read(self, ui: UI) -> None:
        assert ui.ask("POST", "/swarm", {"user_count": "1" * 2**20}).status_code == 413


@pytest.fixture(scope="module")
def guarded() -> Any:
    """Locust's own application with the guard, in this process."""
    web_ui = Environment().create_web_ui(host="", port=8089, delayed_start=True)
    guard(web_ui)
    return web_ui


def test_locust_has_no_more_routes_that_change_something_than_are_known(guarded: Any) -> None:
    """A new version of Locust may add one: look at it before you allow it in loadtests/webui_guard.py."""
    rules = list(guarded.app.url_map.iter_rules())
    changing = {rule.rule for rule in rules if rule.methods - {"GET", "HEAD", "OPTIONS"}}
    assert changing == CHANGES | {"/user"}
    # What these change when they are read: nothing. Without a login, /login leads to /.
    assert {rule.rule for rule in rules if "GET" in rule.methods} == {
        "/", "/assets/<path:path>", "/static/<path:filename>", "/exceptions", "/exceptions/csv", "/login", "/logs",
        "/stats/failures/csv", "/stats/report", "/stats/requests", "/stats/requests/csv",
        "/stats/requests_full_history/csv", "/tasks", "/worker-count",
    }  # fmt: skip


@pytest.mark.parametrize("path", ["/user", "/quit", "/exit", "/spawn", "/upload", "/login", "/", "/stop/", "//stop"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
def test_no_other_route_takes_a_request_that_changes_something(guarded: Any, method: str, path: str) -> None:
    answer = guarded.app.test_client().open(path, method=method, headers={"Host": "localhost:8089"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8089", 200), ("localhost:8089", 200), ("LOCALHOST:8089", 200), ("[::1]:8089", 200),
        ("localhost:9000", 403), ("localhost", 403), ("", 403), ("evil.example:8089", 403),
        ("127.0.0.1.evil:8089", 403), ("localhost:8089, evil.example", 403), ("0.0.0.0:8089", 403), ("load:8089", 403),
    ],
)  # fmt: skip
def test_host_has_to_be_a_name_of_this_machine(guarded: Any, host: str, status: int) -> None:
    assert guarded.app.test_client().get("/login", headers={"Host": host}).status_code in (
        status,
        302 * (status == 200),
    )


def test_in_containers_the_published_port_is_allowed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAITBENCH_UI_PORT_OUTSIDE", "9123")
    web_ui: Any = Environment().create_web_ui(host="0.0.0.0", port=8089, delayed_start=True)
    guard(web_ui)
    client = web_ui.app.test_client()
    origin = {"Host": "127.0.0.1:9123", "Origin": "http://127.0.0.1:9123"}
    assert client.post("/stats/reset", headers=origin).status_code == 200
    refused = client.post("/stats/reset", headers={**origin, "Origin": "http://127.0.0.1:9124"})
    assert (refused.status_code, "open http://127.0.0.1:9123" in refused.text) == (403, True)


def test_port_80_needs_no_port_in_the_name() -> None:
    assert {"localhost", "localhost:80", "[::1]"} <= hosts("127.0.0.1", {80})
    assert "localhost" not in hosts("", {8089})
    assert "192.168.1.2:8089" in hosts("192.168.1.2", {8089})


@pytest.mark.parametrize(
    "form",
    [
        {}, {"user_count": "0"}, {"user_count": "-1"}, {"user_count": "1e4"}, {"user_count": "nan"},
        {"user_count": "10001"}, {"user_count": "1.5"}, {"user_count": "9" * 5000}, {"user_count": ""},
        {"spawn_rate": "0"}, {"spawn_rate": "nan"}, {"spawn_rate": "inf"}, {"spawn_rate": "-1"}, {"spawn_rate": "many"},
        {"run_time": "601"}, {"run_time": "0"}, {"run_time": "soon"}, {"run_time": "99999999999999h"},
        {"waitbench_target": "null /fast"},
    ],
)  # fmt: skip
def test_a_field_that_makes_no_load_is_refused_with_what_would(form: dict[str, str]) -> None:
    whole = {**START, **form} if form else {}
    with pytest.raises(Refused, match=r"give (a|one)|choose one"):
        checked(whole, {TARGET})


def test_fields_that_make_a_load_are_kept_and_no_others() -> None:
    assert checked({**START, "host": "x", "run_time": "10m"}, {TARGET}) == {**START, "run_time": "10m"}
    assert checked({"user_count": "10000", "spawn_rate": "0.5"}, {}) == {"user_count": "10000", "spawn_rate": "0.5"}

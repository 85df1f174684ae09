"""Locust's web UI during and after a run, as used by a person, by programs and by pages of other sites."""

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
"""Other tests run at the same time, some of them on this Locust's core and with a higher priority."""
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
        response: dict[str, Any] = self.ask("POST", "/swarm", {**START, **form}).json()
        return response

    def stats(self) -> dict[str, Any]:
        response: dict[str, Any] = self.ask("GET", "/stats/requests").json()
        return response

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
    responses: dict[str, httpx2.Response]
    """Responses of the web UI while a trial was measured, by the name of the attempt."""


FOREIGN = "http://evil.example"


@pytest.fixture(scope="module")
def during(make_bench: Callable[[], Bench]) -> Iterator[DuringRun]:
    """A run that other pages and programs try to disturb. Its web UI stays up afterwards."""
    bench, port = make_bench(), free_port()
    started = bench.start(plan(WAITS, variants=(NULL,), measure_s=1.0), "--keep-ui", ui=port)
    ui = UI(bench, port, started)
    bench.wait_for(started, bench.measuring())
    responses = {
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
    yield DuringRun(ui, responses)
    started.send_signal(signal.SIGINT)
    bench.end(started)


@pytest.fixture
def ui(during: DuringRun) -> Iterator[UI]:
    """The web UI after the run, when no load is going on."""
    assert wait_until(during.ui.idle, PATIENCE_S)
    yield during.ui
    during.ui.stop()


@pytest.mark.live
class TestDuringARun:
    @pytest.mark.fault(
        "security",
        "an image on any page asks for GET /stop",
        "405, and the run goes on; only POST /stop from the web UI's own page, or from a program, ends it",
    )
    def test_the_run_completes_despite_every_attempt_to_stop_it(self, during: DuringRun) -> None:
        assert during.responses["img"].status_code == 405
        assert during.responses["head"].status_code == 405
        assert during.ui.bench.status() == "complete"
        assert len(during.ui.bench.trial_files()) == 6

    @pytest.mark.parametrize(
        "name", ["foreign stop", "no origin", "null origin", "same port of another name", "foreign swarm", "preflight"]
    )
    @pytest.mark.fault(
        "security",
        "a page of another site sends POST /stop or POST /swarm (CSRF)",
        "refused by its Origin header, or by Sec-Fetch-Site if the browser sends no Origin",
    )
    def test_a_page_of_another_site_changes_nothing(self, during: DuringRun, name: str) -> None:
        assert during.responses[name].status_code == 403
        assert f"open {during.ui.address}" in during.responses[name].text

    @pytest.mark.parametrize("name", ["rebinding", "rebinding, other port", "read under a foreign name"])
    @pytest.mark.fault(
        "security",
        "the name of another site is made to resolve to the web UI (DNS rebinding)",
        "refused: the Host header has to be a name of this machine, with the web UI's port",
    )
    def test_a_host_name_of_another_site_is_refused(self, during: DuringRun, name: str) -> None:
        assert during.responses[name].status_code == 403
        assert "is not reached by the name" in during.responses[name].text

    @pytest.mark.fault(
        "security",
        "a page of another site reads the web UI (Access-Control-Allow-Origin: *)",
        "no response has a header that allows it, and the request is refused",
    )
    def test_a_page_of_another_site_reads_nothing(self, during: DuringRun) -> None:
        assert during.responses["read by a foreign page"].status_code == 403
        for name, response in during.responses.items():
            assert [header for header in response.headers if header.lower().startswith("access-control")] == [], name

    @pytest.mark.fault(
        "security",
        "a page of another site shows the web UI in a frame, or lets a browser guess types",
        "every response forbids frames, type guessing, and sending the UI's address to other sites",
    )
    def test_every_response_has_security_headers(self, during: DuringRun) -> None:
        for name, response in during.responses.items():
            assert response.headers["X-Content-Type-Options"] == "nosniff", name
            assert response.headers["X-Frame-Options"] == "DENY", name
            assert response.headers["Content-Security-Policy"] == "frame-ancestors 'none'", name
            assert response.headers["Referrer-Policy"] == "same-origin", name

    @pytest.mark.fault(
        "numbers",
        "a load is started by hand while a trial is measured",
        "refused with a message; the trial has the planned users",
    )
    def test_a_load_by_hand_is_refused_while_the_run_goes_on(self, during: DuringRun) -> None:
        response = during.responses["swarm"].json()
        assert response == {"success": False, "message": response["message"], "host": None}
        assert "a run is going on" in response["message"]
        folder = during.ui.bench.folder()
        assert folder
        assert [trial.disturbance for trial in folder.read_trials(folder.read_run())] == [""] * 6

    def test_an_action_without_a_button_in_the_front_end_is_refused(self, during: DuringRun) -> None:
        assert during.responses["user"].status_code == 403
        assert during.responses["user"].text == "this web UI does not accept POST /user\n"

    def test_requests_of_the_ui_itself_are_accepted(self, during: DuringRun) -> None:
        assert [during.responses[name].status_code for name in ("page", "read", "reset")] == [200] * 3


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
tried("read", fetch("{ui}/stats/requests").then(response => response.text()));
tried("swarm", fetch("{ui}/swarm", {{method: "POST", body}}).then(response => response.text()));
tried("blind", fetch("{ui}/swarm", {{method: "POST", body, mode: "no-cors"}}));
tried("stop", fetch("{ui}/stop", {{method: "POST", mode: "no-cors"}}));
document.forms[0].submit();
</script>
"""


@pytest.mark.live
@pytest.mark.tools
class TestInABrowser:
    """These tests come before the loads below, because Locust fills its form with the run time of the last load."""

    @pytest.mark.fault(
        "security",
        "a page of another site in a real browser tries to start a load, to end one, and to read the web UI",
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
        page.get_by_text("a user count of 20000 is refused: give a whole number from 1 to 10,000").wait_for()
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

    def test_the_report_is_served_without_a_message_in_the_browser_s_console(self, ui: UI, page: "Page") -> None:
        messages: list[str] = []
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto(f"{ui.address}/waitbench/report")
        assert page.locator("h1").inner_text() == "A test"
        assert page.locator("main table").first.is_visible()  # on a busy machine there may be nothing to draw
        assert messages == []


@pytest.mark.live
class TestAfterARun:
    @pytest.mark.parametrize(
        ("form", "why"),
        [
            ({"user_count": "99999999"}, "a user count of 99999999 is refused: give a whole number from 1 to 10,000"),
            ({"run_time": "48h"}, "a run time of 48h is refused"),
            pytest.param(
                {"waitbench_target": "nobody /wait"},
                "there is no target 'nobody /wait' in this run",
                marks=pytest.mark.fault(
                    "security", "a load by hand names a target that is not part of the run", "refused with a message"
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
        response = ui.swarm(**form)
        assert (response["success"], response["host"]) == (False, None)
        assert why in response["message"]
        assert ui.stats()["user_count"] == 0
        assert ui.locust().memory_info().rss - before < 64 * 2**20

    @pytest.mark.fault(
        "security",
        "a start form names another host, or an option of Locust's command line",
        "it is ignored: the load goes to the chosen target of the run",
    )
    def test_other_fields_of_the_form_are_ignored(self, ui: UI) -> None:
        response = ui.swarm(host="http://victim.example", stop_timeout="9999", profile="x", locustfile="/etc/passwd")
        assert response == {"success": True, "message": "Swarming started", "host": None}
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


def test_all_routes_of_locust_that_change_something_are_known(guarded: Any) -> None:
    """A new version of Locust may add a route. Read it before you allow it in loadtests/webui_guard.py."""
    rules = list(guarded.app.url_map.iter_rules())
    changing = {rule.rule for rule in rules if rule.methods - {"GET", "HEAD", "OPTIONS"}}
    assert changing == CHANGES | {"/user"}
    # Reading these changes nothing. Without a login, /login redirects to /.
    assert {rule.rule for rule in rules if "GET" in rule.methods} == {
        "/", "/assets/<path:path>", "/static/<path:filename>", "/exceptions", "/exceptions/csv", "/login", "/logs",
        "/stats/failures/csv", "/stats/report", "/stats/requests", "/stats/requests/csv",
        "/stats/requests_full_history/csv", "/tasks", "/worker-count",
    }  # fmt: skip


@pytest.mark.parametrize("path", ["/user", "/quit", "/exit", "/spawn", "/upload", "/login", "/", "/stop/", "//stop"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
def test_no_other_route_takes_a_request_that_changes_something(guarded: Any, method: str, path: str) -> None:
    response = guarded.app.test_client().open(path, method=method, headers={"Host": "localhost:8089"})
    assert response.status_code == 403


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
def test_a_field_that_describes_no_load_is_refused_with_advice(form: dict[str, str]) -> None:
    whole = {**START, **form} if form else {}
    with pytest.raises(Refused, match=r"give (a|one)|choose one"):
        checked(whole, {TARGET})


def test_only_the_fields_that_describe_a_load_are_kept() -> None:
    assert checked({**START, "host": "x", "run_time": "10m"}, {TARGET}) == {**START, "run_time": "10m"}
    assert checked({"user_count": "10000", "spawn_rate": "0.5"}, {}) == {"user_count": "10000", "spawn_rate": "0.5"}

"""A closed loop: a fixed number of users, each of which sends its next request when the last one has ended."""

from loadtests.connection import Connection
from loadtests.load_loop import LoadLoop, State
from loadtests.request_stream import RequestStream
from loadtests.share import Share
from waitbench.records.spec import TrialSpec

ARRIVE_S = 0.5
"""If the workload has no wait, the first requests of all users are spread over this time."""
HOLD_OFF_NS = 50_000_000
"""How long a user waits after a service has refused it at once, so that it does not flood the service."""
REFUSED_AT_ONCE = {"refused", "reset", "connection failed", "no socket"}
_SENDING, _DRAINING = State.SENDING, State.DRAINING


class ClosedLoop(LoadLoop):
    """Each user has a connection of its own."""

    def __init__(self, spec: TrialSpec, share: Share = Share()) -> None:  # noqa: B008 - frozen
        super().__init__(spec, share)
        self._users: dict[Connection, int] = {}
        """Each with its number among all of the trial's."""
        self._arriving_since_ns = 0
        """From when on a user that joins sends its first request; 0 before that."""
        self._gathered_users: list[Connection] = []
        """While users gather: those that have had their response."""

    def gather(self, since_ns: int) -> None:
        """From `since_ns` on, each user sends one request, and then waits for `begin`.

        A user that has no response by then goes on when it comes.

        Many servers accept one connection each time round their event loop. If users sent again and again, a busy
        server would come round so slowly that it would not accept the last of hundreds before the window closes.
        Fewer users than planned would be measured, and nobody would see the latency of the others.
        """
        if self.state is State.PREPARED:
            self.state = State.GATHERING
        self._arrive(since_ns)
        if not self._users:
            self.gathered.set()

    def close(self) -> int:
        self._users, self._gathered_users = {}, []
        return super().close()

    def _add_user(self, number: int) -> None:
        user = self._measured.connect()
        self._users[user] = number
        if self._arriving_since_ns:
            self._first_request(user)

    def _begin(self, begin_ns: int) -> None:
        if self.state is _DRAINING:
            return
        if self.state is State.PREPARED:
            self._arrive(begin_ns)
        self.state = _SENDING
        waiting, self._gathered_users = self._gathered_users, []
        for user in waiting:
            self._ask_at(user, begin_ns + self._out_of_step_ns(user))

    def _arrive(self, since_ns: int) -> None:
        """Every user sends its first request, and so does a user that joins later."""
        self._watch_timeouts()
        self._arriving_since_ns = since_ns
        for user in self._users:
            self._first_request(user)

    def _first_request(self, user: Connection) -> None:
        """Users do not come at once: a kernel may give all connections that do to one process of several."""
        apart_ns = self._out_of_step_ns(user) if self.spec.least_s else self._spread_ns(user, ARRIVE_S)
        self._ask_at(user, self._arriving_since_ns + apart_ns)

    def _out_of_step_ns(self, user: Connection) -> int:
        """Spread users over one wait. If the wait is constant, users that begin together would stay in step."""
        return self._spread_ns(user, self.spec.least_s)

    def _spread_ns(self, user: Connection, over_s: float) -> int:
        """This user's turn if all are spread over `over_s`, or over half the warm-up where that is shorter."""
        part = self._users[user] % self.spec.load / self.spec.load
        return int(part * min(over_s, self.spec.warmup_s / 2) * 1e9)

    def _ask_at(self, user: Connection, when_ns: int) -> None:
        self._at(when_ns, lambda: self._ask(user))

    def _ended(self, stream: RequestStream, connection: Connection, ended: int, failure: str | None) -> None:  # noqa: ARG002
        if self.state is _DRAINING or ended >= self.window.end_ns:
            self.in_flight -= 1
            self._check_whether_over()
        elif failure in REFUSED_AT_ONCE:
            self.in_flight -= 1
            self._ask_at(connection, ended + HOLD_OFF_NS)
        elif self.state is _SENDING:
            connection.ask()
        else:
            self._wait_for_the_others(connection)

    def _wait_for_the_others(self, user: Connection) -> None:
        self.in_flight -= 1
        self._gathered_users.append(user)
        if len(self._gathered_users) == len(self._users):
            self.gathered.set()

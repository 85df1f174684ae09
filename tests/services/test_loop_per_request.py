"""The limits that event loops of single requests share with each other."""

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from work import loop_per_request
from work.loop_per_request import Places
from work.responses import DependencyFailed
from work.settings import settings


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_per_request, "settings", dataclasses.replace(settings, dependency_grace_s=0.05))


def test_no_more_places_are_taken_than_there_are() -> None:
    places, taken, highest = Places(7), 0, 0
    counting = threading.Lock()

    def request(wanted: int) -> None:
        nonlocal taken, highest
        for _ in range(50):
            with places.taken(wanted, "none left"):
                with counting:
                    taken += wanted
                    highest = max(highest, taken)
                with counting:
                    taken -= wanted

    with ThreadPoolExecutor(12) as requests:
        list(requests.map(request, [1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5]))
    assert taken == 0
    assert highest <= 7


@pytest.mark.usefixtures("hasty")
def test_a_request_that_gets_too_few_in_time_is_refused_and_keeps_none() -> None:
    places = Places(3)
    with places.taken(2, "none left"), pytest.raises(DependencyFailed, match="none left"), places.taken(2, "none left"):
        pass
    with places.taken(3, "none left"):
        pass

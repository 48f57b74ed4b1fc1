"""Members are handed out one by one: the longest first, and the last ones not all to one rank."""

from typing import Any

from deltarule.distributed.side_by_side.dealer import Dealer


def dealing(order: list[int], threads: list[int]) -> tuple[Dealer, list[tuple[int, str, Any]]]:
    sent: list[tuple[int, str, Any]] = []
    return Dealer(order, threads, lambda *message: sent.append(message)), sent


def test_the_longest_goes_to_who_asks_first() -> None:
    dealer, sent = dealing([2, 0, 1], [1, 1])
    dealer.handle(1, "ask", None)
    dealer.handle(0, "ask", None)
    assert sent == [(1, "turn", (2, 2)), (0, "turn", (0, 1))]


def test_who_has_its_share_waits_until_others_have_theirs() -> None:
    dealer, sent = dealing([0, 1, 2], [4, 4, 4])
    dealer.handle(0, "ask", None)
    dealer.handle(0, "ask", None)
    assert sent == [(0, "turn", (0, 2))]
    dealer.handle(2, "ask", None)
    assert sent[1:] == [(2, "turn", (1, 1))]
    dealer.handle(2, "ended", (1, 10, None))
    dealer.handle(0, "ended", (0, 10, None))  # so that it has none, as rank 1 does not ask
    assert sent[2:] == [(0, "turn", (2, 0))]


def test_shares_are_by_threads() -> None:
    dealer, sent = dealing(list(range(6)), [4, 2])
    for _ in range(5):
        dealer.handle(0, "ask", None)
    assert [what[0] for _, _, what in sent] == [0, 1, 2, 3]


def test_when_time_is_up_nobody_gets_one() -> None:
    dealer, sent = dealing([0, 1], [1, 1])
    dealer.handle(0, "ask", None)
    dealer.handle(0, "ask", None)
    assert len(sent) == 1
    dealer.handle(1, "stop", None)
    dealer.handle(1, "ask", None)
    assert sent[1:] == [(0, "turn", (None, 0)), (1, "turn", (None, 0))]


def test_when_all_are_done_all_hear_who_has_what() -> None:
    dealer, sent = dealing([0, 1], [1, 1])
    trouble = ValueError("no")
    for rank in (0, 1):
        dealer.handle(rank, "ask", None)
    dealer.handle(1, "ended", (1, 20, trouble))
    dealer.handle(0, "ended", (0, 10, None))
    for rank in (0, 1):
        dealer.handle(rank, "ask", None)
        dealer.handle(rank, "done", None)
    assert (0, "turn", (None, 0)) in sent
    owners = {0: (0, 10), 1: (1, 20)}
    assert sent[-2:] == [(rank, "finish", (owners, [(1, trouble)])) for rank in (0, 1)]

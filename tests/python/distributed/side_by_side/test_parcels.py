"""What a training has made of a member reaches the same member elsewhere, and nothing else does."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule._training.examples import Given
from deltarule.distributed.digest import digest
from deltarule.distributed.side_by_side.parcels import (
    Known,
    adopt,
    expect_parcels,
    portable,
    state_of,
)
from deltarule.ensembles.options import each_given
from ensembles.test_many import mixed
from support import Array, assert_same_bits, data, network
from support_tables import columns

N = [6, 8, 3]
OPTIONS: dict[str, Any] = dict.fromkeys(Given.__annotations__)
OPTIONS |= {"optimizer": "adam", "epochs": 1, "batch_size": 32, "shuffle": True, "callbacks": ()}


class Slotted:
    """A callback whose state is no dictionary alone."""

    __slots__ = ("__dict__", "seen")

    def __init__(self) -> None:
        self.seen, self.network, self.data = [], None, None

    def on_epoch_end(self, run: Any) -> None:
        self.seen.append(run.epoch)


class Kept:
    """One that says itself what its state is."""

    def __init__(self) -> None:
        self.epochs = 0

    def on_epoch_end(self, run: Any) -> None:
        self.epochs += 1

    def __getstate__(self) -> Any:
        return {"n": self.epochs}

    def __setstate__(self, state: Any) -> None:
        self.epochs = state["n"]


def member(X: Array) -> tuple[dr.Network, Given, Known]:
    """The same wherever it is called: a network, what it is given, and what both sides know."""
    net, slotted = network(N), Slotted()
    slotted.network, slotted.data = net, X  # type: ignore[assignment]
    stopping = dr.EarlyStopping("loss", patience=3)
    options = OPTIONS | {"optimizer": [dr.Adam()], "callbacks": [[slotted, stopping, Kept()]]}
    [given] = each_given(1, options)
    known = Known()
    known.add_member(0, net, given)
    known.data(X, X, [given])
    return net, given, known


def test_a_member_becomes_what_it_is_elsewhere() -> None:
    X, y = data(60, N)
    there, given_there, known_there = member(X)
    options: dict[str, Any] = {"epochs": 3, "average": 0.9}
    there.fit(X, y, optimizer=given_there.optimizer, callbacks=given_there.callbacks, **options)
    parcel = known_there.dumps(state_of(there, given_there))
    assert len(parcel) < 20_000  # without X, which is known
    here, given, known = member(X)
    view, optimizer = here.parameters, given.optimizer
    adopt(here, given, known.loads(parcel))
    assert here.parameters is view
    assert_same_bits(view, there.parameters)
    assert here.history == there.history
    slotted, stopping, kept = given.callbacks
    assert (slotted.seen, stopping.best_epoch, kept.epochs) == ([1, 2, 3], 3, 3)
    assert slotted.network is here
    assert slotted.data is X
    # And goes on as it would have there.
    here.fit(X, y, optimizer=optimizer, **options)
    there.fit(X, y, optimizer=given_there.optimizer, **options)
    assert_same_bits(here.parameters, there.parameters)


def test_networks_of_all_kinds() -> None:
    networks, _ = mixed()
    [given] = each_given(1, OPTIONS)
    for net in networks:
        other = copy.deepcopy(net)
        net.parameters = net.parameters + 1
        net.reseed(3)
        known = Known()
        adopt(other, given, known.loads(known.dumps(state_of(net, given))))
        assert digest(other) == digest(net)


def test_an_encoder_stays_where_it_is() -> None:
    encoder = dr.TableEncoder().fit(columns())
    net = dr.Network([*encoder.layers(), dr.Dense(1)], inputs=encoder, seed=0)
    [given] = each_given(1, OPTIONS)
    known = Known()
    known.add_member(0, net, given)
    state, *_ = known.loads(known.dumps(state_of(net, given)))
    assert state["inputs"] is net._inputs


def test_data_are_named_once() -> None:
    X, y = data(60, N)
    rows = [np.arange(30), np.arange(30)]
    options = OPTIONS | {"rows": [rows[0], rows[1], rows[0]], "sample_weight": y[:, 0] ** 2}
    given = list(each_given(3, options | {"callbacks": ()}))
    known = Known()
    found = known.data(X, y, given)
    assert len(found) == 5
    assert found[0] is X
    assert known.loads(known.dumps([X, rows[1]]))[1] is rows[1]


def test_what_could_not_come_back_is_refused_before_anything_is_trained() -> None:
    one = Slotted()
    given = list(each_given(2, OPTIONS | {"callbacks": [[one], [one]]}))
    with pytest.raises(ValueError, match=r"callbacks\[1\]\[0\] is callbacks\[0\]\[0\]: expected"):
        expect_parcels(given, Known(), pickle.Pickler)
    one.network = lambda: None  # type: ignore[assignment]
    with pytest.raises(TypeError, match=r"callbacks\[0\]\[0\] is .* which cannot travel"):
        expect_parcels(given[:1], Known(), pickle.Pickler)


def test_an_error_travels_as_it_is_or_in_words() -> None:
    class LocalError(Exception):
        pass

    known = ValueError("no")
    assert portable(known) is known
    local = LocalError("why")
    local.add_note("where")
    words = portable(local)
    assert (type(words), str(words), words.__notes__) == (
        RuntimeError,
        "LocalError: why",
        ["where"],
    )

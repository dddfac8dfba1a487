"""Tests of the service, each with an empty database."""

from limiter import TRIES, WINDOW_S, may_try


def test_a_user_has_so_many_tries(store):
    assert [may_try(store, "ada") for _ in range(TRIES + 1)] == [True] * TRIES + [False]


def test_users_do_not_share_their_tries(store):
    for _ in range(TRIES):
        may_try(store, "ada")
    assert may_try(store, "bob")


def test_the_window_begins_with_the_first_try(store):
    may_try(store, "ada")
    store.expire("tries:ada", 10)
    may_try(store, "ada")
    assert 0 < store.ttl("tries:ada") <= 10
    assert WINDOW_S > 10

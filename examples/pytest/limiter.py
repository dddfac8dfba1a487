"""A service to be tested: how many logins a user may try in a minute."""

TRIES = 3
WINDOW_S = 60


def may_try(store, user):
    """Counts a try, and says whether it is one too many."""
    key = f"tries:{user}"
    with store.pipeline() as pipe:
        tries, _ = pipe.incr(key).expire(key, WINDOW_S, nx=True).execute()
    return tries <= TRIES

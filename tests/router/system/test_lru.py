from router.system.lru import Cache


def test_bounds_hold_and_the_oldest_go_first():
    cache: Cache[int] = Cache(entries=3, size=100)
    for at in range(5):
        cache.put(b"%d" % at, at, 10)
    assert [cache.get(b"%d" % at) for at in range(5)] == [None, None, 2, 3, 4]
    assert (len(cache), cache.size) == (3, 30)
    cache.get(b"2")
    cache.put(b"big", 9, 80)
    assert cache.get(b"2") == 2
    assert cache.get(b"3") is None
    assert cache.size <= 100


def test_what_is_larger_than_the_whole_cache_is_not_kept():
    cache: Cache[int] = Cache(entries=3, size=100)
    cache.put(b"a", 1, 101)
    assert (len(cache), cache.size) == (0, 0)


def test_many_at_once_are_as_one_by_one():
    cache: Cache[int] = Cache(entries=3, size=100)
    for at in range(3):
        cache.put(b"%d" % at, at, 10)
    assert cache.get_all([b"1", b"none", b"0", b"1"]) == [1, None, 0, 1]
    cache.put(b"3", 3, 10)
    assert cache.get_all([b"0", b"1", b"2", b"3"]) == [0, 1, None, 3]


def test_replacing_and_taking_free_their_size():
    cache: Cache[int] = Cache(entries=3, size=100)
    cache.put(b"a", 1, 40)
    cache.put(b"a", 2, 50)
    assert cache.size == 50
    assert cache.take(b"a") == 2
    assert cache.take(b"a") is None
    assert cache.size == 0

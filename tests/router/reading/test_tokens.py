from router.reading.tokens import Size, total


def test_a_sum_is_exact_where_each_part_is():
    counted, guessed = Size(tokens=3, exact=True), Size(tokens=4, exact=False)
    assert total([]) == Size(tokens=0, exact=True)
    assert total([counted, counted]) == Size(tokens=6, exact=True)
    assert total([guessed, counted]) == Size(tokens=7, exact=False)

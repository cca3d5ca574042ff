"""What makes two tests the same."""

from tocsin.conditions.tree import Number


def test_equal_numbers_of_other_texts_are_other_tests():
    assert Number(1) != Number(1.0)
    assert len({Number(1), Number(1), Number(1.0)}) == 2

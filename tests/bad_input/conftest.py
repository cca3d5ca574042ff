"""Tools and a store as in the tests of the crank."""

from tests.run.conftest import store, tools

__all__ = ["store", "tools"]

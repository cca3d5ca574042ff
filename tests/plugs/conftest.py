from tests.collect.conftest import aws, cloud

__all__ = ["aws", "cloud"]

import pytest

from tests.normalize.records import shipped, small


@pytest.fixture(scope="session")
def cloudtrail():
    return shipped("aws.cloudtrail")


@pytest.fixture(scope="session")
def audit():
    return shipped("kubernetes.audit")


@pytest.fixture(scope="session")
def tiny():
    return small()

"""Apprise speaks to services whose host nobody can type, and to nothing else."""

import json

import apprise
import pytest

from tests.act.notifiers.told import NEWS
from tests.act.servers import serve
from tocsin.act.notifiers.apprise import HOSTED, PARAMETERS, Apprise, AppriseSettings
from tocsin.errors import ActionError, SettingsError
from tocsin.values import Secret

# What Apprise imports is its own affair.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SLACK = "slack://T0AAAAAAA/B0AAAAAAA/abcdefghijklmnopqrstuvwx"


@pytest.fixture(scope="module")
def services():
    """What Apprise knows of each service, by scheme."""
    found = {}
    for each in apprise.Apprise().details()["schemas"]:
        for scheme in (*(each["secure_protocols"] or ()), *(each["protocols"] or ())):
            found[scheme] = each["details"]
    return found


@pytest.mark.parametrize("service", sorted(HOSTED))
def test_no_address_of_a_hosted_service_names_a_host(service, services):
    templates = [str(each) for each in services[service]["templates"]]

    assert templates
    assert not [each for each in templates if "{host" in each or "{port" in each or "{url" in each]


def test_parameters_that_are_let_through_are_known_to_some_service(services):
    known = {name for service in HOSTED for name in services[service]["args"]}

    assert known >= PARAMETERS


@pytest.mark.parametrize(
    "url",
    [
        "json://169.254.169.254/latest",
        "jsons://intern.example/",
        "xml://127.0.0.1/",
        "form://127.0.0.1/",
        "mailto://user:pass@127.0.0.1",
        "mmost://10.0.0.1/token",
        "matrix://10.0.0.1/",
        "ntfy://10.0.0.1/topic",
        "syslog://",
        "dbus://",
        "file:///etc/passwd",
        "https://hooks.example.org/",
        "hunter2",
        f"{SLACK}?template=/etc/passwd",
        f"{SLACK}?verify=no",
        f"{SLACK}?redirect=yes",
        "discord://1/hunter2/?avatar_url=http://169.254.169.254/",
    ],
)
def test_what_could_reach_another_place_is_refused_at_the_start(url):
    with pytest.raises(SettingsError, match="`url`") as caught:
        Apprise(AppriseSettings(Secret(url)))
    assert "hunter2" not in str(caught.value)


def test_addresses_of_hosted_services_are_understood_and_follow_nowhere():
    for url in (SLACK, f"{SLACK}/#soc", "tgram://123456789:abcdefg_hijklmnop/12315544/?thread=1"):
        service = Apprise(AppriseSettings(Secret(url)))._loaded()
        assert service.verify_certificate
        assert not service.redirects


def test_an_address_that_apprise_does_not_understand_is_one_line():
    with pytest.raises(SettingsError, match="does not understand this address of slack"):
        Apprise(AppriseSettings(Secret("slack://hunter2"))).send(NEWS)


def test_apprise_itself_delivers_plain_text_and_says_when_it_was_not_taken():
    with serve() as server:
        url = Secret(f"json://127.0.0.1:{server.port}/hunter2")
        made = Apprise(AppriseSettings(url, services=frozenset({"json"})))
        made.send(NEWS)
        body = json.loads(server.seen[0][3])

        server.status = 400
        with pytest.raises(ActionError, match="json did not take the message") as caught:
            made.send(NEWS)

    assert (body["title"], body["message"]) == (NEWS.title, NEWS.text_with_link)
    assert "hunter2" not in str(caught.value) + repr(made) + repr(made._settings)


def test_a_redirect_is_not_followed():
    with serve() as server:
        server.status = 302
        server.headers = {"Location": f"http://127.0.0.1:{server.port}/inside"}
        url = Secret(f"json://127.0.0.1:{server.port}/")
        with pytest.raises(ActionError):
            Apprise(AppriseSettings(url, services=frozenset({"json"}))).send(NEWS)

    assert [path for _, _, path, _ in server.seen] == ["/"]

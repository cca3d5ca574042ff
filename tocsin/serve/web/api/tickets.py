"""Tickets of incidents in other systems, over the API."""

from fastapi import Request

from tocsin.serve.web.api.asking import router_of
from tocsin.serve.web.api.incident_work import known
from tocsin.serve.web.api.models import TicketModel
from tocsin.serve.web.guard import console_of, operation
from tocsin.serve.web.permissions import Permission

router = router_of("tickets")


@operation(
    router, "GET", "/incidents/{uid}/tickets", Permission.READ, response_model=list[TicketModel]
)
def list_tickets(request: Request, uid: str) -> list[TicketModel]:
    """List the tickets of an incident, with what people call them and their links."""
    found = console_of(request).store.tickets.of_incident(known(request, uid).uid)
    return [TicketModel.model_validate(each) for each in found]

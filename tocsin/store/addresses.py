"""Networks in SQL: whether a text is an address inside a CIDR range.

DuckDB's own type for addresses is an extension that its wheel does not carry. An address is turned
into 32 hexadecimal digits, IPv4 as IPv4-mapped IPv6 (RFC 4291, 2.5.5.2): texts of one length
compare like the numbers that they are.
"""

from ipaddress import IPv4Network, IPv6Network, ip_network

MACROS = (
    # The groups between colons; an embedded IPv4 address has become two groups already.
    """CREATE MACRO tocsin_groups(part) AS
    list_filter(string_split(part, ':'), lambda piece: piece <> '')""",
    """CREATE MACRO tocsin_ipv4_groups(text) AS
    format('{:02x}{:02x}:{:02x}{:02x}',
        try_cast(split_part(text, '.', 1) AS UTINYINT),
        try_cast(split_part(text, '.', 2) AS UTINYINT),
        try_cast(split_part(text, '.', 3) AS UTINYINT),
        try_cast(split_part(text, '.', 4) AS UTINYINT))
    """,
    """CREATE MACRO tocsin_as_ipv6(text) AS
    CASE
        WHEN regexp_full_match(text, '\\d{1,3}(\\.\\d{1,3}){3}')
            THEN '::ffff:' || tocsin_ipv4_groups(text)
        WHEN regexp_full_match(text, '[0-9a-fA-F:]+:\\d{1,3}(\\.\\d{1,3}){3}')
            THEN regexp_replace(text, '[0-9.]+$', '')
                || tocsin_ipv4_groups(regexp_extract(text, '[0-9.]+$'))
        WHEN regexp_full_match(text, '[0-9a-fA-F:]{2,39}') AND contains(text, ':') THEN text
    END""",
    """CREATE MACRO tocsin_padded(groups) AS
    list_aggregate(list_transform(groups, lambda piece: lpad(piece, 4, '0')), 'string_agg', '')""",
    """CREATE MACRO tocsin_between(head, tail) AS
    coalesce(tocsin_padded(head), '')
        || repeat('0', 32 - 4 * (len(head) + len(tail)))
        || coalesce(tocsin_padded(tail), '')""",
    """CREATE MACRO tocsin_address(text) AS
    lower(tocsin_between(
        tocsin_groups(split_part(tocsin_as_ipv6(text), '::', 1)),
        tocsin_groups(split_part(tocsin_as_ipv6(text), '::', 2))))""",
    """CREATE MACRO tocsin_ipv4(text) AS
    CASE WHEN len(string_split(text, '.')) = 4 THEN list_reduce(
        list_transform(string_split(text, '.'), lambda part: try_cast(part AS UTINYINT)::UBIGINT),
        lambda high, low: high * 256 + low)
    END""",
)
"""`tocsin_address(text)` gives 32 digits and `tocsin_ipv4(text)` a number, far more quickly; null
where the text is no address."""


def inside(address: str, cidr: str) -> tuple[str, list[object]] | None:
    """Return the SQL condition that `address` lies in a CIDR range, and its values.

    Args:
        address: an SQL expression of text.
        cidr: what may be a range; where it is none, the result is `None`.
    """
    limits = address_range(cidr)
    if limits is None:
        return None
    written_out = f"tocsin_address({address}) BETWEEN ? AND ?"
    if "." not in cidr:
        return f"(contains({address}, ':') AND {written_out})", [*limits]
    # Nearly all addresses are plain IPv4: numbers are ten times as quick as digits.
    numbers = [int(limit, 16) & 0xFFFFFFFF for limit in limits]
    plain = f"tocsin_ipv4({address}) BETWEEN ? AND ?"
    sql = f"(CASE WHEN contains({address}, ':') THEN {written_out} ELSE {plain} END)"
    return sql, [*limits, *numbers]


def address_range(text: str) -> tuple[str, str] | None:
    """Return the first and last address of a CIDR range as 32 digits; `None` where it is none."""
    if "/" not in text:
        return None
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    return _digits(network, first=True), _digits(network, first=False)


def _digits(network: IPv4Network | IPv6Network, *, first: bool) -> str:
    address = network.network_address if first else network.broadcast_address
    mapped = 0xFFFF << 32 if isinstance(network, IPv4Network) else 0
    return f"{mapped | int(address):032x}"

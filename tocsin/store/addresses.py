"""Networks in SQL: whether a text is an address inside a CIDR range.

DuckDB's own type for addresses is an extension that its wheel does not carry. An address is turned
into 32 hexadecimal digits, IPv4 as IPv4-mapped IPv6 (RFC 4291, 2.5.5.2): texts of one length
compare like the numbers that they are.
"""

from ipaddress import IPv4Network, IPv6Network, ip_network

MACROS = (
    # A list of one element binds a name: a macro's argument would be copied to every use.
    """CREATE MACRO tocsin_octets(text) AS
    list_transform(
        [list_transform(string_split(text, '.'), lambda part: try_cast(part AS UTINYINT))],
        lambda octet: CASE WHEN len(octet) = 4
            THEN format('{:02x}{:02x}:{:02x}{:02x}', octet[1], octet[2], octet[3], octet[4])
        END)[1]""",
    """CREATE MACRO tocsin_colons(text) AS
    CASE
        WHEN NOT contains(text, '.') THEN text
        WHEN contains(text, ':') THEN regexp_extract(text, '^(.*:)[^:]*$', 1)
            || tocsin_octets(regexp_extract(text, '[^:]*$'))
        ELSE '::ffff:' || tocsin_octets(text)
    END""",
    """CREATE MACRO tocsin_digits(head, tail) AS
    array_to_string(list_transform(
        head || list_transform(range(8 - len(head) - len(tail)), lambda place: '0') || tail,
        lambda piece: lpad(lower(piece), 4, '0')), '')""",
    """CREATE MACRO tocsin_address(text) AS
    list_transform([tocsin_colons(text)], lambda address:
        CASE WHEN contains(address, ':') AND regexp_full_match(address, '[0-9a-fA-F:]{2,39}')
        THEN list_transform([{
            'head': list_filter(string_split(split_part(address, '::', 1), ':'), lambda p: p <> ''),
            'tail': list_filter(string_split(split_part(address, '::', 2), ':'), lambda p: p <> '')
        }], lambda groups: tocsin_digits(groups.head, groups.tail))[1] END)[1]""",
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

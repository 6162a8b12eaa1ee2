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
while :; do
    if [ -n "${ACME_DIRECTORY:-}" ]; then
        issue || echo "renew.sh: no certificate this time" >&2
    elif ! openssl x509 -checkend 604800 -noout -in "$current" > /dev/null; then
        self_sign
    fi
    # in the background, so that the trap is run at once
    sleep "${RENEW_SECONDS:-43200}" &
    wait $!
done

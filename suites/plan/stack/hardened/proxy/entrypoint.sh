#!/bin/sh
# Render the templates into the tmpfs of this user, watch the certificate, then become nginx.
set -eu

certificates=/etc/nginx/certificates
rendered=/run/nginx

render() {
    envsubst '${SERVER_NAME}' < /etc/nginx/vntyper/http.template > "$rendered/http.conf"
    if [ -e "$certificates/current/privkey.pem" ]; then
        envsubst '${SERVER_NAME}' < /etc/nginx/vntyper/ssl.template > "$rendered/ssl.conf"
    fi
}

# The link `current` is switched to a new directory when a certificate is renewed. A watch on the link itself would
# never fire, so its target is compared instead.
watch() {
    last=$1
    while sleep "${RELOAD_SECONDS:-60}"; do
        now=$(readlink "$certificates/current" || true)
        if [ "$now" != "$last" ]; then
            render
            nginx -s reload && last=$now
        fi
    done
}

render
watch "$(readlink "$certificates/current" || true)" &
exec "$@"

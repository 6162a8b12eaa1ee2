#!/bin/bash
set -e
template=/etc/nginx/conf.d/nginx.conf.template.http
if [ -f "/etc/letsencrypt/live/$SERVER_NAME/fullchain.pem" ]; then
    template=/etc/nginx/conf.d/nginx.conf.template.ssl
fi
envsubst '$SERVER_NAME' < "$template" > /etc/nginx/conf.d/default.conf
exec "$@"

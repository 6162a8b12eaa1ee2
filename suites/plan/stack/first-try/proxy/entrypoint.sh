#!/bin/sh
if [ -f "/etc/letsencrypt/live/$SERVER_NAME/privkey.pem" ]; then
    template=/etc/nginx/templates/nginx.conf.template.ssl
else
    template=/etc/nginx/templates/nginx.conf.template.http
fi
envsubst '$SERVER_NAME' < "$template" > /etc/nginx/conf.d/default.conf
nginx -g 'daemon off;'

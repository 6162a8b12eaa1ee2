#!/bin/sh
# A certificate that is there and has a day to live. `certbot certificates` would succeed without any, and take the lock.
set -eu
openssl x509 -checkend 86400 -noout -in /certificates/current/fullchain.pem

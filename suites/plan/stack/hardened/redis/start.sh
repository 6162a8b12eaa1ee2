#!/bin/sh
# Start redis with the password of the secret file. No password, no start: an empty requirepass would mean open.
set -eu

password=$(cat /run/secrets/redis_password)
if [ -z "$password" ]; then
    echo "start.sh: /run/secrets/redis_password is empty" >&2
    exit 1
fi

# On standard input, so that the password is in no argument list and in no environment.
exec "$@" /usr/local/etc/redis.conf - <<CONFIG
requirepass "$password"
CONFIG

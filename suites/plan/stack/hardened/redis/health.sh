#!/bin/sh
# redis-cli exits 0 on NOAUTH: only PONG is proof. The password goes through a variable of this process alone.
set -eu

REDISCLI_AUTH=$(cat /run/secrets/redis_password)
export REDISCLI_AUTH
[ "$(redis-cli -e ping)" = PONG ]

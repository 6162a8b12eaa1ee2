#!/bin/sh
# Make the secrets of this stack where they are missing. Each is a bind of this file: its reader is no root, so the file
# is readable, and the folder is what keeps other users of the host out.
set -eu
cd "$(dirname "$0")"

if [ ! -s redis_password.txt ]; then
    head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n' > redis_password.txt
    chmod 0444 redis_password.txt
fi
chmod 0700 .

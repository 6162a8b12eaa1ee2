#!/bin/sh
# Put a certificate where the proxy reads it: a new directory, then one atomic switch of the link `current`.
set -eu
umask 027

name=$(date +%Y%m%d%H%M%S)-$$
mkdir "/certificates/$name"
cp -L "$RENEWED_LINEAGE/fullchain.pem" "$RENEWED_LINEAGE/privkey.pem" "/certificates/$name/"
chmod 0640 "/certificates/$name"/*.pem
ln -s "$name" "/certificates/next"
old=$(readlink /certificates/current || true)
mv -T /certificates/next /certificates/current
if [ -n "$old" ]; then
    rm -r "/certificates/$old"
fi

#!/bin/sh
# Makes the secrets of compose.yaml, once: what is there stays. Write your token into do_api_token.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
cd secrets
random() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }
[ -s postgres_password ] || random 24 > postgres_password
password=$(cat postgres_password)
[ -s warehouse_url ] || printf 'postgresql://arcadia:%s@postgres/arcadia' "$password" > warehouse_url
[ -s dagster_url ] || printf 'postgresql://arcadia:%s@postgres/dagster' "$password" > dagster_url
[ -s jwt_secret ] || random 64 > jwt_secret
[ -e do_api_token ] || : > do_api_token
[ -e notify_urls ] || : > notify_urls
# The containers' user reads them, and nobody else: the folder is closed.
chmod 0700 .
chmod 0644 ./*
[ -s do_api_token ] || echo "Now write a DigitalOcean token into $PWD/do_api_token."

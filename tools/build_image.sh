#!/bin/sh
# Builds the image where there is no registry of images: with Debian's packages mmdebstrap, buildah,
# runc and podman, as root, on a base made of Debian 12 alone. See docs/deploy.md.
#   tools/build_image.sh [NAME] [OPTION OF buildah ...]
set -eu
cd "$(dirname "$0")/.."
name=${1:-localhost/arcadia:latest}
[ $# = 0 ] || shift
base=localhost/debian-python:12
if ! podman image exists $base; then
  tar=$(mktemp -t arcadia-base-XXXXXX.tar)
  trap 'rm -f "$tar"' EXIT
  without='man doc info locale'
  options=
  for folder in $without; do options="$options --dpkgopt=path-exclude=/usr/share/$folder/*"; done
  # What makes the folders of Debian 12 needs all of Perl, once.
  perl='usrmerge libfile-find-rule-perl libnumber-compare-perl libtext-glob-perl perl perl-modules-5.36 libperl5.36'
  # shellcheck disable=SC2086
  mmdebstrap --quiet --variant=essential --include=python3,python3-venv,ca-certificates,libstdc++6,tzdata,usr-is-merged \
    --aptopt='APT::Install-Recommends "false"' $options \
    --customize-hook="chroot \"\$1\" dpkg --purge $perl" bookworm "$tar" \
    'deb http://deb.debian.org/debian bookworm main' \
    'deb http://deb.debian.org/debian-security bookworm-security main'
  podman import --quiet "$tar" $base
fi
# How this machine reaches the index of packages is the build's business, and not the image's.
given=
for file in /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
  [ ! -e $file ] || given="$given --volume $file:$file:ro"
done
# shellcheck disable=SC2086
exec buildah bud --isolation chroot --build-arg BASE=$base $given -f deploy/Containerfile -t "$name" "$@" .

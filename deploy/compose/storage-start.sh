# Begin the store: keys from files, and the bucket there before anybody asks for it. Buckets are folders.
# shellcheck shell=sh
set -eu
umask 077

ROOT_ACCESS_KEY=$(cat /run/secrets/storage_access_key)
ROOT_SECRET_KEY=$(cat /run/secrets/storage_secret_key)
export ROOT_ACCESS_KEY ROOT_SECRET_KEY

# What belongs to an object beside its bytes is a file too: not every file system takes extended attributes.
mkdir -p /store/objects/rollcall /store/attributes
exec /usr/local/bin/versitygw posix --sidecar /store/attributes /store/objects

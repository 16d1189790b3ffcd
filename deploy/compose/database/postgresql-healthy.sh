# Healthy is the database when the application's own account gets an answer over the network. While the image still sets
# things up, its server takes no such connections, so nobody is let in too early.
# shellcheck shell=bash
set -eu

PGPASSWORD=$(cat /run/secrets/database_app_password)
export PGPASSWORD
exec psql --no-psqlrc --quiet --host=127.0.0.1 --username=rollcall_app --dbname=rollcall --command='SELECT 1' >/dev/null

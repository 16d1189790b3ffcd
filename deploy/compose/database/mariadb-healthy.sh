# Healthy is the database when the application's own account gets an answer over the network. While the image still sets
# things up, its server takes no such connections, so nobody is let in too early.
# shellcheck shell=bash
set -eu

client=$(command -v mariadb || command -v mysql)
settings() {
    printf '[client]\nuser=rollcall_app\npassword="%s"\n' "$(sed 's/[\\"]/\\&/g' /run/secrets/database_app_password)"
}
exec "$client" --defaults-extra-file=<(settings) --protocol=tcp --host=127.0.0.1 --connect-timeout=3 \
    --database=rollcall --execute='SELECT 1' >/dev/null

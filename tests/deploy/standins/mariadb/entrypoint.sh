# What the official images do at their start, as far as compose.yaml relies on it: options become those of the server; on
# an empty volume a server without network sets the root password and reads what is in /docker-entrypoint-initdb.d,
# where docker_process_sql is there; then the real one begins.
# shellcheck shell=bash
set -eo pipefail

[[ ${1:-} != -* ]] || set -- mariadbd "$@"
socket=/run/mysqld/mysqld.sock

docker_process_sql() { MYSQL_PWD=${root_password:-} mariadb --protocol=socket -uroot -hlocalhost --socket="$socket" "$@"; }

if [[ $1 == mariadbd && ! -d /var/lib/mysql/mysql ]]; then
    mariadb-install-db --datadir=/var/lib/mysql --auth-root-authentication-method=normal --skip-test-db >/dev/null
    "$@" --skip-networking --socket="$socket" &
    until docker_process_sql --execute='SELECT 1' >/dev/null 2>&1; do sleep 0.2; done
    docker_process_sql --execute="ALTER USER root@localhost IDENTIFIED BY '$(<"$MYSQL_ROOT_PASSWORD_FILE")'"
    root_password=$(<"$MYSQL_ROOT_PASSWORD_FILE")
    for file in /docker-entrypoint-initdb.d/*.sh; do
        # shellcheck disable=SC1090
        . "$file"
    done
    kill %1
    wait %1
fi
exec "$@" --socket="$socket"

# Make Rollcall's database and its two accounts, once, when MariaDB or MySQL starts on an empty volume.
#
# The image's own start script reads this file (it is not executable), so its docker_process_sql is there. Rights are
# those of scripts/bootstrap-mariadb.sql. Passwords go through a pipe, never onto a command line.
# shellcheck shell=bash

rollcall_quoted() { sed "s/[\\\\']/&&/g" "/run/secrets/$1"; }

{
    printf "SET @app_password = '%s', @migrator_password = '%s';\n" \
        "$(rollcall_quoted database_app_password)" "$(rollcall_quoted database_migrator_password)"
    cat /etc/rollcall/bootstrap.sql
} | docker_process_sql --database=mysql

# Begin nginx: with TLS where certificate and key are there, else over plain http.
# shellcheck shell=sh
set -eu

if [ -s /run/secrets/tls_certificate ] && [ -s /run/secrets/tls_key ]; then
    site=tls
else
    site=plain
fi
# shellcheck disable=SC2016 # the variable is nginx's
case ${PUBLIC_URL:-} in
https://*) address=${PUBLIC_URL%/} ;;
*) address='https://$host' ;;
esac
sed "s|HTTPS_ADDRESS|$address|" "/etc/rollcall/$site.conf" >/tmp/site.conf
exec nginx -c /etc/rollcall/nginx.conf -g 'daemon off;'

-- Make Rollcall's database and its two accounts on PostgreSQL.
--
-- Put your answers into a file that only you can read (umask 077), for example answers.sql:
--
--     \set app_password 'a long random text'
--     \set migrator_password 'another one'
--     -- and, where the defaults in brackets don't fit:
--     -- \set database rollcall
--     -- \set app rollcall_app
--     -- \set migrator rollcall_migrator
--
-- and run both files as an administrator of the server, so that no password stands on a command line:
--
--     psql -U postgres -f answers.sql -f scripts/bootstrap-postgresql.sql
--
-- A quote inside a password is written twice ('it''s'), a backslash too. In DATABASE_URL the password is
-- percent-encoded: "@" is %40. Safe to run again: it keeps all data and sets the passwords to the ones given.
--
--   app        what the application signs in as: reads and writes rows, can't change tables
--   migrator   what `make db-upgrade` signs in as: owns the database, may also change tables

\set ON_ERROR_STOP on
\set QUIET on
\if :{?database}
\else
\set database rollcall
\endif
\if :{?app}
\else
\set app rollcall_app
\endif
\if :{?migrator}
\else
\set migrator rollcall_migrator
\endif
\if :{?app_password}
\else
\set app_password ''
\endif
\if :{?migrator_password}
\else
\set migrator_password ''
\endif

SELECT :'app_password' = '' OR :'migrator_password' = '' AS is_password_missing \gset
\if :is_password_missing
DO $$ BEGIN RAISE EXCEPTION 'Set app_password and migrator_password first, see the head of this file'; END $$;
\endif

-- Keep the passwords out of the server's log, as far as this account may say so.
DO $$ BEGIN
    PERFORM set_config('log_statement', 'none', false), set_config('log_min_error_statement', 'panic', false),
            set_config('log_min_duration_statement', '-1', false);
EXCEPTION WHEN insufficient_privilege THEN
    NULL;
END $$;

SELECT format('CREATE ROLE %I', name) FROM (VALUES (:'app'), (:'migrator')) AS wanted (name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE :"app" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'app_password';
ALTER ROLE :"migrator" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'migrator_password';

-- The C locale compares code point by code point, as the other engines do for Rollcall's keys.
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''C''', :'database', :'migrator')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"app";
GRANT ALL ON DATABASE :"database" TO :"migrator";

\connect :"database"
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO :"app";
GRANT USAGE, CREATE ON SCHEMA public TO :"migrator";
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO :"app";
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO :"app";
-- What the migrator makes later is the application's to use from the start.
ALTER DEFAULT PRIVILEGES FOR ROLE :"migrator" IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"app";
ALTER DEFAULT PRIVILEGES FOR ROLE :"migrator" IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO :"app";
\echo Database :database is ready for :app and :migrator.

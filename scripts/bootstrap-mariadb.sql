-- Make Rollcall's database and its two accounts on MariaDB or MySQL.
--
-- Put your answers into a file that only you can read (umask 077), for example answers.sql:
--
--     SET @app_password = 'a long random text', @migrator_password = 'another one';
--     -- and, where the defaults in brackets don't fit:
--     -- SET @database = 'rollcall', @app = 'rollcall_app', @migrator = 'rollcall_migrator', @host = '%';
--
-- and run both files as an administrator of the server, so that no password stands on a command line:
--
--     cat answers.sql scripts/bootstrap-mariadb.sql | mariadb -u root
--
-- A quote inside a password is written twice ('it''s'), a backslash too. In DATABASE_URL the password is
-- percent-encoded: "@" is %40. Safe to run again: it keeps all data and sets the passwords to the ones given.
--
--   @app        what the application signs in as: reads and writes rows, can't change tables
--   @migrator   what `make db-upgrade` signs in as: may also change tables
--   @host       from where both may sign in ('%' from everywhere)
--
-- Where the binary log is on, the server also needs log_bin_trust_function_creators = 1, or the migrator can't make
-- triggers. Use plain names: letters, digits, "_" and "-".

-- Quotes and backslashes below mean the same whatever the server's own mode is.
SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION';

SET @database = IFNULL(@database, 'rollcall'),
    @app = IFNULL(@app, 'rollcall_app'),
    @migrator = IFNULL(@migrator, 'rollcall_migrator'),
    @host = IFNULL(@host, '%');

-- No plain SQL statement both stops here and says why on MySQL and MariaDB, but the name of a table does.
SET @next = IF(IFNULL(@app_password, '') = '' OR IFNULL(@migrator_password, '') = '',
               'SELECT 1 FROM information_schema.`Set @app_password and @migrator_password first`', 'DO 0');
PREPARE next FROM @next; EXECUTE next;

SET @on_database = CONCAT('`', REPLACE(@database, '`', '``'), '`'),
    -- In a GRANT, "_" and "%" of a database's name stand for any letter unless they are escaped.
    @on_tables = CONCAT('`', REPLACE(REPLACE(REPLACE(@database, '`', '``'), '_', '\\_'), '%', '\\%'), '`.*'),
    @app_account = CONCAT(QUOTE(@app), '@', QUOTE(@host)),
    @migrator_account = CONCAT(QUOTE(@migrator), '@', QUOTE(@host));

SET @next = CONCAT('CREATE DATABASE IF NOT EXISTS ', @on_database);
PREPARE next FROM @next; EXECUTE next;
SET @next = CONCAT('ALTER DATABASE ', @on_database, ' CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci');
PREPARE next FROM @next; EXECUTE next;

SET @next = CONCAT('CREATE USER IF NOT EXISTS ', @app_account, ' IDENTIFIED BY ', QUOTE(@app_password));
PREPARE next FROM @next; EXECUTE next;
SET @next = CONCAT('ALTER USER ', @app_account, ' IDENTIFIED BY ', QUOTE(@app_password));
PREPARE next FROM @next; EXECUTE next;
SET @next = CONCAT('GRANT SELECT, INSERT, UPDATE, DELETE ON ', @on_tables, ' TO ', @app_account);
PREPARE next FROM @next; EXECUTE next;

SET @next = CONCAT('CREATE USER IF NOT EXISTS ', @migrator_account, ' IDENTIFIED BY ', QUOTE(@migrator_password));
PREPARE next FROM @next; EXECUTE next;
SET @next = CONCAT('ALTER USER ', @migrator_account, ' IDENTIFIED BY ', QUOTE(@migrator_password));
PREPARE next FROM @next; EXECUTE next;
SET @next = CONCAT('GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES, TRIGGER, CREATE VIEW,',
                   ' SHOW VIEW, LOCK TABLES ON ', @on_tables, ' TO ', @migrator_account);
PREPARE next FROM @next; EXECUTE next;

DEALLOCATE PREPARE next;
SET @app_password = NULL, @migrator_password = NULL, @next = NULL;
SELECT CONCAT('Database ', @database, ' is ready for ', @app, ' and ', @migrator, '.') AS done;

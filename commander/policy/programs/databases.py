"""Clients of databases: each has commands that run programs and write files."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Code,
    Effect,
    Language,
    Program,
    Risk,
    Style,
    Targets,
)
from commander.policy.programs.reasons import WRITES

__all__ = ["PROGRAMS"]

_HARMLESS_DOT_COMMANDS: Final = (
    "tables schema header headers mode databases indexes indices width separator "
    "nullvalue dbinfo fullschema timeout timer echo print help show stats version exit "
    "quit dump changes explain eqp limit"
)
_SQLITE_FORBIDDEN: Final = (
    rf"(?im)^\s*\.(?!(?:{_HARMLESS_DOT_COMMANDS.replace(' ', '|')})\b)"
    r"|\b(?:load_extension|writefile|edit|attach|zipfile|fts3_tokenizer)\b"
    r"|\bvacuum\b[^;]*\binto\b|\bcopy\b|\binstall\b|\bload\b|\bexport\b"
)

_DUMPS: Final = Program(
    names="pg_dump pg_dumpall pg_restore mysqldump mariadb-dump mongodump mongoexport",
    valued="-h --host -p --port -U --username -d --dbname -t -n --schema",
    risks=(
        Risk(
            options="-f --file -r --result-file -o --out --output -T --tab --log-error",
            effect=Effect.WRITES,
            why=WRITES,
            unless="--help",
        ),
        Risk(
            options="--defaults-file --defaults-extra-file --plugin-dir --config "
            "--init-command",
            effect=Effect.LOADS,
            why="reads settings, and some load code",
        ),
    ),
    reason="It writes where it is told.",
    passes=("pg_dump -h db app", "pg_dump -Fc -f app.dump app", "mysqldump app users"),
    refuses=("pg_dump -f .git/config app", "mysqldump --result-f=/etc/x app"),
)

_MONGO: Final = Program(
    names="mongosh mongo",
    style=Style.EXACT,
    valued="--host --port -u --username -p --password --authenticationDatabase",
    risks=(
        Risk(
            options="-f --file",
            effect=Effect.SCRIPT,
            why="reads code from its input",
        ),
    ),
    code=Code(
        language=Language.OPAQUE,
        options="--eval",
        needed=True,
        stops="--version --help -h --build-info",
    ),
    reason="It runs JavaScript from its words or its input.",
    passes=("mongosh --version",),
    refuses=("mongosh --eval 'process.exit()'", "mongosh app", "mongosh"),
)

_MYSQL: Final = Program(
    names="mysql mariadb",
    valued=(
        "-h --host -P --port -u --user -D --database -S --socket --protocol "
        "--connect-timeout --default-character-set --ssl-ca --ssl-cert --ssl-key "
        "--ssl-mode --prompt"
    ),
    risks=(
        Risk(
            options="--pager",
            effect=Effect.RUNS,
            why="runs a program on the output",
            bare=True,
            values="*",
            passing="cat",
        ),
        Risk(options="--tee", effect=Effect.WRITES, why=WRITES),
        Risk(
            options="--defaults-file --defaults-extra-file --plugin-dir "
            "--default-auth --init-command --init-command-add --delimiter",
            effect=Effect.LOADS,
            why="reads settings, or runs more than the statement",
        ),
    ),
    code=Code(
        language=Language.OPAQUE,
        options="-e --execute",
        needed=True,
        forbidden=(
            r"(?i)\\(?!g(?:\W|$))|\b(?:system|pager|tee|source|edit|delimiter|outfile|dumpfile)\b"
            r"|\bsys_exec|\bsoname\b"
        ),
        stops="--version -V --help -? --print-defaults",
    ),
    reason="Its commands `system` and `pager` run programs.",
    passes=("mysql -u app -e 'select 1' app", "mysql --execute='show tables' app"),
    refuses=(
        "mysql -e '\\! pwn'",
        "mysql -e 'system pwn'",
        "mysql --pager=pwn -e 'select 1'",
        "mysql app",
        "mysql -e \"select 'x' into outfile '/etc/x'\"",
        "mysql --tee=.git/config -e 'select 1'",
    ),
)

_OTHERS: Final = Program(
    names="sqlplus sqlcmd isql tsql cqlsh clickhouse clickhouse-client "
    "clickhouse-local "
    "usql litecli pgcli mycli influx neo4j cypher-shell hive beeline spark-sql "
    "ldapvi",
    refused="takes commands that run programs or write files",
    harmless="--version -V --help",
    reason="Its commands run programs.",
    passes=("sqlplus -V", "cqlsh --version"),
    refuses=("sqlplus x @evil", "pgcli app", "usql -c '\\! pwn'", "clickhouse local"),
)

_PSQL: Final = Program(
    names="psql",
    valued=(
        "-h --host -p --port -U --username -d --dbname -F --field-separator -R "
        "--record-separator -T --table-attr"
    ),
    risks=(
        Risk(
            options="-f --file",
            effect=Effect.SCRIPT,
            why="reads commands from its input",
        ),
        Risk(
            options="-o --output -L --log-file",
            effect=Effect.WRITES,
            why="writes to a file or to a command",
            never="|*",
        ),
        Risk(
            options="-v --set --variable -P --pset",
            effect=Effect.RUNS,
            why="sets a variable, and some hold commands",
            values="PROMPT* prompt* EDITOR* *`* *pager_* HISTFILE*",
        ),
    ),
    code=Code(
        language=Language.OPAQUE,
        options="-c --command",
        needed=True,
        forbidden=(
            r"(?i)`|\\(?!d(?:[^\w]|[tvifnusgpTSA+]*\b)|l\b|x\b|conninfo\b|timing\b)"
            r"|\bprogram\b|\blo_export\b|\bpg_(?:read|write)|\bcopy\b[^;]*\bto\s+'"
            r"|\blanguage\b|\bload\b"
        ),
        stops="-l --list -V --version -? --help",
    ),
    reason="Its commands `\\!`, `\\copy` and `\\o` run programs.",
    passes=(
        "psql -c 'select 1'",
        "psql -h db -U app -d app -At -c 'select count(*) from users'",
        "psql -c '\\dt'",
        "psql -f schema.sql app",
        "psql -l",
    ),
    refuses=(
        "psql -c '\\! pwn'",
        "psql -c \"copy t from program 'pwn'\"",
        "psql --comm='\\copy t to program pwn'",
        "psql -c 'select 1' -o '|pwn'",
        "psql app",
        "psql",
        "psql -f -",
        "psql -c 'select 1' -c '\\g |pwn'",
    ),
)

_REDIS: Final = Program(
    names="redis-cli valkey-cli keydb-cli",
    style=Style.POSIX,
    valued=(
        "-h -p -s -a --user --pass -u -r -i -n -d -D -t --pattern --count "
        "--memkeys-samples "
        "--cacert --cert --key --sni"
    ),
    risks=(
        Risk(
            options="--rdb --functions-rdb",
            effect=Effect.WRITES,
            why=WRITES,
        ),
        Risk(
            options="--eval --pipe --replica --slave --cluster --ldb --ldb-sync-mode",
            effect=Effect.RUNS,
            why="runs a script, or what it reads",
            bare=True,
        ),
    ),
    ordinary=(
        "get GET set SET del DEL unlink keys KEYS scan SCAN exists EXISTS type TYPE "
        "ttl "
        "TTL pttl expire EXPIRE persist incr INCR decr DECR incrby mget MGET mset "
        "append "
        "strlen getrange hget HGET hgetall HGETALL hset HSET hdel hkeys hvals hlen "
        "hmget "
        "hexists hscan lrange LRANGE lpush LPUSH rpush RPUSH lpop LPOP rpop RPOP llen "
        "LLEN lindex sadd SADD smembers SMEMBERS srem sismember scard SCARD sscan zadd "
        "ZADD zrange ZRANGE zrevrange zrem zscore zcard zcount zrangebyscore zscan "
        "xadd "
        "xlen XLEN xrange XRANGE xread xinfo XINFO xrevrange ping PING echo info INFO "
        "dbsize DBSIZE time TIME memory MEMORY object OBJECT client CLIENT slowlog "
        "SLOWLOG latency command COMMAND select SELECT publish PUBLISH pubsub "
        "subscribe "
        "SUBSCRIBE monitor MONITOR rename randomkey flushdb FLUSHDB flushall FLUSHALL "
        "dump touch getset setex SETEX setnx getdel wait role ROLE lastsave json.get "
        "JSON.GET cluster CLUSTER"
    ),
    code=Code(
        language=Language.OPAQUE,
        stdin=True,
        stops=(
            "--version -v --help --stat --bigkeys --memkeys --hotkeys --scan --latency "
            "--latency-history --latency-dist"
        ),
    ),
    reason="The server's settings and modules write files and load code.",
    passes=("redis-cli get x", "redis-cli -h r -n 1 keys 'a*'", "redis-cli ping"),
    refuses=(
        "redis-cli config set dir /etc/cron.d",
        "redis-cli MODULE LOAD ./evil.so",
        "redis-cli --eval evil.lua",
        "redis-cli --rdb .git/config",
        "redis-cli",
    ),
)

_SQLITE: Final = Program(
    names="sqlite3 sqlite sqlcipher duckdb",
    style=Style.WORDS,
    valued=(
        "-separator -nullvalue -newline -vfs -mmap -maxsize -pagecache -lookaside -heap"
    ),
    risks=(
        Risk(
            options="-init", effect=Effect.SCRIPT, why="reads commands from its input"
        ),
        Risk(options="-f", effect=Effect.SCRIPT, why="reads commands from its input"),
        Risk(
            options="-A* -archive -interactive -unsigned -ui",
            effect=Effect.RUNS,
            why="writes files, or takes commands",
            bare=True,
        ),
    ),
    targets=Targets.FIRST,
    targets_unless="-readonly",
    code=Code(
        language=Language.OPAQUE,
        operand=True,
        skipped=1,
        options="-cmd -c -s",
        needed=True,
        forbidden=_SQLITE_FORBIDDEN,
        stops="-version -help",
    ),
    reason="Its commands `.shell` and `.output` run programs and write files.",
    passes=(
        "sqlite3 app.db '.tables'",
        "sqlite3 -header -csv app.db 'select * from users limit 5'",
        "sqlite3 app.db .schema '.headers on' 'select 1'",
        "sqlite3 -readonly /var/lib/app.db .tables",
    ),
    refuses=(
        "sqlite3 app.db '.shell pwn'",
        "sqlite3 app.db '.sh pwn'",
        "sqlite3 app.db 'select 1;\n.system pwn'",
        "sqlite3 -cmd '.shell pwn' app.db 'select 1'",
        "sqlite3 app.db '.output .git/config' 'select 1'",
        "sqlite3 app.db \"select load_extension('./evil')\"",
        "sqlite3 app.db",
        "sqlite3 /etc/cron.d/x 'create table t(x)'",
        "sqlite3 app.db '.once |pwn' 'select 1'",
    ),
)

PROGRAMS: Final = (
    _MONGO,
    _MYSQL,
    _DUMPS,
    _PSQL,
    _REDIS,
    _SQLITE,
    _OTHERS,
)

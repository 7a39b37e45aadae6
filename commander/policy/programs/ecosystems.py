"""Build tools that belong to one language."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Effect,
    Program,
    Risk,
    Style,
    Subcommand,
    Targets,
    Wraps,
)

__all__ = ["PROGRAMS"]


_CARGO: Final = Program(
    names="cargo cross",
    style=Style.EXACT,
    valued=(
        "--color -p --package --features -F --bin --example --test --bench --target "
        "--profile -j --jobs --message-format --exclude --vers"
    ),
    risks=(
        Risk(
            options="--config",
            effect=Effect.RUNS,
            why="sets configuration, which can name programs",
        ),
        Risk(options="-Z", effect=Effect.LOADS, why="sets options that load code"),
        Risk(
            options="-C --manifest-path",
            effect=Effect.SCRIPT,
            why="names the project",
        ),
        Risk(
            options="--target-dir --out-dir --artifact-dir --root --lockfile-path",
            effect=Effect.WRITES,
            why="writes files there",
        ),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(
            names="rustc rustdoc watch",
            refused="passes options to the compiler, or runs its words",
        ),
        Subcommand(
            names="init new",
            valued="--vcs --edition --name --registry",
            targets=Targets.EACH,
        ),
    ),
    ordinary=(
        "add audit b bench binstall build c check chef clean clippy d deny doc "
        "expand fetch fix fmt generate-lockfile help info init install llvm-cov "
        "locate-project "
        "login logout machete metadata miri new nextest outdated owner package pkgid "
        "publish r remove report rm run search sort t tarpaulin test tree udeps "
        "uninstall update vendor verify-project version yank"
    ),
    harmless="--version -V --help -h --list",
    reason="Its configuration names programs, and unknown subcommands are programs.",
    passes=(
        "cargo build --release",
        "cargo test -p app -- --nocapture",
        "cargo clippy --all-targets -- -D warnings",
        "cargo run --bin app -- --flag",
        "cargo fmt --check",
    ),
    refuses=(
        "cargo --config 'build.rustc-wrapper=\"pwn\"' build",
        "cargo build --config 'target.x.runner=\"pwn\"'",
        "cargo rustc -- -C linker=pwn",
        "cargo watch -s pwn",
        "cargo pwn",
        "cargo new /etc/x",
        "cargo init --name x /etc/x",
    ),
)


_JVM: Final = Program(
    names="mvn mvnw mvnd gradle gradlew ant sbt mill",
    style=Style.EXACT,
    valued="-pl --projects -P --activate-profiles -T --threads -x --exclude-task",
    risks=(
        Risk(
            options="-I --init-script -lib -logger -listener -inputhandler -main -s "
            "--settings -gs --global-settings --toolchains -g --gradle-user-home "
            "-propertyfile -J* --java-home -java-home",
            effect=Effect.LOADS,
            why="loads code or settings",
        ),
        Risk(
            options="-D --define",
            effect=Effect.RUNS,
            why="sets a property, and some name programs",
            values="exec.* exec* maven.ext* *jvm* *argLine* *executable* *java.home* "
            "*jvmargs* *javaagent* *plugin* *command* *init* *script*",
        ),
        Risk(
            options="-l --log-file --project-cache-dir -logfile",
            effect=Effect.WRITES,
            why="writes to a file",
        ),
        Risk(
            options="-f --file -b --build-file -c --settings-file -p --project-dir "
            "-buildfile",
            effect=Effect.SCRIPT,
            why="names the project",
        ),
    ),
    operands="exec:* *:exec-maven-plugin* *exec-maven* antrun:* *antrun* *:*:*:* "
    "groovy:* eval* !* set* ;* apply* -J*",
    operands_why="runs a program, or code",
    reason="Plugins and properties run programs.",
    passes=(
        "mvn -q -DskipTests package",
        "gradle build --no-daemon -x test",
        "mvn test -Dtest=FooTest",
        "ant clean",
    ),
    refuses=(
        "mvn exec:exec -Dexec.executable=pwn",
        "mvn -Dmaven.ext.class.path=evil.jar package",
        "gradle -I evil.gradle build",
        "gradle --init-script evil.gradle build",
        "mvn -DargLine=-javaagent:evil.jar test",
        "mvn org.evil:evil:1:run package",
    ),
)


_DOTNET: Final = Program(
    names="dotnet msbuild",
    style=Style.WORDS,
    valued="-c --configuration -f --framework -r --runtime -v --verbosity",
    risks=(
        Risk(
            options="-p:PreBuildEvent* -p:PostBuildEvent* -p:CustomBefore* "
            "-p:CustomAfter* "
            "-property:PreBuildEvent* -property:PostBuildEvent* -p:CscToolPath* "
            "-logger* -l:*",
            effect=Effect.RUNS,
            why="names a program that it runs",
            bare=True,
        ),
        Risk(
            options="-o --output --results-directory --artifacts-path",
            effect=Effect.WRITES,
            why="writes files there",
        ),
        Risk(
            options="--additional-deps --additionalprobingpath --depsfile --settings",
            effect=Effect.LOADS,
            why="loads code",
        ),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(
            names="*",
            operands="/p:*Event* /logger:* @*",
            operands_why="names a program that it runs",
        ),
        Subcommand(
            names="exec fsi script tool.run tool.exec dnx",
            refused="runs code or a program",
        ),
    ),
    reason="Properties name programs that it runs.",
    passes=("dotnet build -c Release", "dotnet test --no-build", "dotnet run"),
    refuses=(
        "dotnet build -p:PreBuildEvent=pwn",
        "dotnet fsi evil.fsx",
        "dotnet build /p:PreBuildEvent=pwn",
        "dotnet build -o .git/hooks",
    ),
)


_PROVE: Final = Program(
    names="prove yath",
    valued="-I -j --jobs --timer --ext --state",
    risks=(
        Risk(
            options="-e --exec --perl --interpreter",
            effect=Effect.RUNS,
            why="runs a program on every test",
        ),
        Risk(
            options="-P --plugin --source --formatter --harness --rc -M",
            effect=Effect.LOADS,
            why="loads code or settings",
        ),
        Risk(options="-a --archive", effect=Effect.WRITES, why="writes to a file"),
    ),
    operands="- /dev/*",
    operands_why="reads tests",
    reason="Options run any program on every test.",
    passes=("prove -lr t", "prove -j4 -Ilib t/a.t"),
    refuses=("prove -e pwn a.t", "prove --ex=pwn a.t", "prove -PEvil a.t"),
)


_RUBY_TOOLS: Final = Program(
    names="bundle bundler",
    style=Style.EXACT,
    subcommands=(
        Subcommand(names="exec e", wraps=Wraps(scripts="*.rb")),
        Subcommand(
            names="console open gem plugin",
            refused="starts a prompt or an editor",
            harmless="list",
        ),
    ),
    risks=(
        Risk(
            options="--gemfile", effect=Effect.SCRIPT, why="reads code from its input"
        ),
    ),
    everywhere=True,
    reason="It runs a command in an environment.",
    passes=("bundle install --jobs 4", "bundle exec ls", "bundle list"),
    refuses=("bundle exec pwn", "bundle console", "bundle exec sh -c pwn"),
)


_RUBY_RUNNERS: Final = Program(
    names="rake rspec rubocop cucumber minitest",
    style=Style.GNU,
    risks=(
        Risk(
            options="-r --require -R --rakelibdir --options --config-file",
            effect=Effect.LOADS,
            why="loads code or settings",
            passing="spec_helper rails_helper ./spec/spec_helper",
        ),
        Risk(
            options="-e --execute -E --execute-continue -p --execute-print --editor",
            effect=Effect.RUNS,
            why="runs code from its words",
        ),
        Risk(
            options="-f --rakefile",
            effect=Effect.SCRIPT,
            why="reads code from its input",
        ),
        Risk(options="-o --out", effect=Effect.WRITES, why="writes to a file"),
    ),
    operands="RUBY*=* PATH=* LD_*=* BUNDLE*=* GEM*=*",
    operands_why="changes the environment",
    reason="Options load and run code.",
    passes=("rake test", "rspec spec/a_spec.rb", "rake db:migrate VERBOSE=1"),
    refuses=(
        "rake -e 'system %q(pwn)'",
        "rspec -r ./evil.rb",
        "rake RUBYOPT=-r./evil test",
    ),
)


_PHP_TOOLS: Final = Program(
    names="composer phpunit phpstan psalm phpcs",
    risks=(
        Risk(
            options="-d --working-dir -c --configuration --standard",
            effect=Effect.SCRIPT,
            why="reads settings that load code",
        ),
        Risk(
            options="--bootstrap --autoload-file --include-path --loader --printer "
            "--extension --prepend --plugin",
            effect=Effect.LOADS,
            why="loads code",
            values="/* ../* /dev/* php:* data:* *:*",
        ),
        Risk(
            options="--log-junit --coverage-text --coverage-clover --coverage-html "
            "--coverage-php --testdox-html --testdox-text --report-file --cache-file",
            effect=Effect.WRITES,
            why="writes to a file",
        ),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(
            names="exec config global",
            refused="runs a program, or changes scripts that run",
            harmless="--list -l",
        ),
    ),
    reason="It runs programs of packages.",
    passes=("composer install --no-dev", "phpunit tests", "composer run-script test"),
    refuses=(
        "composer exec pwn",
        "composer config scripts.test pwn",
        "phpunit --log-junit .git/config",
    ),
)

_RAILS: Final = Program(
    names="rails gem thor",
    risks=(
        Risk(
            options="--config-file --template -m --editor",
            effect=Effect.LOADS,
            why="loads code or settings",
        ),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(
            names="runner r console c dbconsole db exec open",
            refused="runs code or takes commands",
        ),
    ),
    reason="It runs code from its words.",
    passes=("rails db:migrate", "gem list", "rails generate model x"),
    refuses=("rails runner 'system %q(pwn)'", "gem open x -e pwn", "gem exec pwn"),
)

PROGRAMS: Final = (
    _RUBY_TOOLS,
    _CARGO,
    _PHP_TOOLS,
    _DOTNET,
    _JVM,
    _PROVE,
    _RAILS,
    _RUBY_RUNNERS,
)

"""Package managers and tools of JavaScript."""

from __future__ import annotations

from typing import Final

from commander.policy.programs.model import (
    Code,
    Effect,
    Language,
    Program,
    Risk,
    Style,
    Subcommand,
)
from commander.policy.programs.reasons import LOCAL_PACKAGE

__all__ = ["PROGRAMS"]

_NPM_RISKS: Final = (
    Risk(
        options="--script-shell --git --shell --editor --viewer --browser",
        effect=Effect.RUNS,
        why="names a program that it runs",
    ),
    Risk(
        options="--node-options --init-module --userconfig --globalconfig "
        "--onload-script",
        effect=Effect.LOADS,
        why="loads code or settings",
    ),
)

_LOCAL: Final = ". .. ./* ../* /* ~* file:* *@file:* *.tgz *.tar.gz"

_NPM: Final = Program(
    names="npm",
    valued=(
        "-w --workspace --loglevel --registry --tag --scope --omit --include "
        "--before --access --otp --depth --message -m --audit-level --fetch-retries "
        "--fetch-timeout --cpu --os --libc --install-strategy --location "
        "--preid --sbom-format --searchlimit --searchopts "
        "--lockfile-version --init-license --init-version --init-author-name "
        "--init-author-email --color --save-prefix --maxsockets"
    ),
    risks=(
        *_NPM_RISKS,
        Risk(
            options="-C --prefix --cache --pack-destination --logs-dir --tmp",
            effect=Effect.WRITES,
            why="writes files there, or runs scripts from there",
        ),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(
            names="install i in ins inst insta instal isnt isnta isntal isntall add "
            "install-test it link ln update up upgrade udpate",
            operands=_LOCAL,
            operands_why=LOCAL_PACKAGE,
        ),
        Subcommand(
            names="exec x init create innit",
            operands="*",
            operands_why="runs a package by name",
            risks=(
                Risk(
                    options="-c --call",
                    effect=Effect.TEXT,
                    why="runs its value in a shell",
                ),
            ),
        ),
        Subcommand(
            names="config c get set",
            refused="changes settings that name programs",
            harmless="get list ls",
        ),
        Subcommand(
            names="pkg",
            refused="changes scripts that it runs",
            harmless="get",
        ),
        Subcommand(
            names="explore edit set-script",
            refused="starts a shell or an editor, or changes scripts that it runs",
        ),
    ),
    ordinary=(
        "access add add-user adduser audit author bin bugs cache ci cit clean-install "
        "clean-install-test completion config c create ddp dedupe deprecate diff "
        "dist-tag dist-tags docs doctor edit exec explain explore find find-dupes "
        "fund get help help-search hlep home i ic in info init innit ins inst insta "
        "instal install install-ci-test install-clean install-test isnt isnta isntal "
        "isntall isntall-clean issues it la link list ll ln login logout ls org "
        "outdated owner pack ping pkg prefix profile prune publish query r rb rebuild "
        "remove repo restart rm root rum run run-script s sbom se search set show "
        "shrinkwrap sit star stars start stop t team test token tst un undeprecate "
        "uninstall unlink unpublish unstar up update upgrade urn v version versions "
        "view why whoami x"
    ),
    harmless="--version -v --help -h",
    reason="Its scripts run, and options say with what shell; it runs any package.",
    passes=(
        "npm ci",
        "npm run build -- --mode production",
        "npm --prefix web test",
        "npm install --save-dev typescript@5",
        "npm init -y",
        "npm config get registry",
    ),
    refuses=(
        "npm exec pwn",
        "npm exec -c pwn",
        "npm x -- pwn",
        "npm --script-shell=../bin/pwn run lint",
        "npm run lint --script-s ../bin/pwn",
        "npm run lint --node-options='--require ./evil.js'",
        "npm config set script-shell ../bin/pwn",
        "npm pkg set scripts.lint=pwn",
        "npm i ./evilpkg --foreground-scripts",
        "npm install --install-links ./evilpkg",
        "npm --prefix /etc init -y",
        "npm --cache /etc view x",
        "npm pack --pack-destination /etc",
    ),
)

_NPX: Final = Program(
    names="npx bunx pnpx",
    style=Style.POSIX,
    valued="--cache --registry -w --workspace --loglevel",
    flags=(
        "-y --yes --no --no-install -q --quiet --silent -s --ignore-existing "
        "--prefer-online --prefer-offline --offline --verbose --bun --version -v "
        "--help -h"
    ),
    risks=(
        *_NPM_RISKS,
        Risk(
            options="-c --call",
            effect=Effect.TEXT,
            why="runs its value in a shell",
        ),
        Risk(
            options="-p --package",
            effect=Effect.LOADS,
            why="fetches a package from anywhere",
            values="./* ../* /* ~* *:* .",
        ),
        Risk(options="-n --node-arg --npm", effect=Effect.LOADS, why="loads code"),
    ),
    operands=(
        ". .. ./* ../* /* ~* *:* sh bash dash zsh ksh env node xargs sudo python "
        "python3"
    ),
    operands_why="names a program that is no package",
    code=Code(language=Language.OPAQUE, stdin=True, script=True),
    harmless="--version -v --help -h",
    reason="It runs a package, which is granted as a script is, or a shell command.",
    passes=("npx tsc --noEmit", "npx --yes -p typescript tsc -c x", "npx @scope/cli x"),
    refuses=(
        "npx -c pwn",
        "npx --call='ls; pwn'",
        "npx ./evil",
        "npx github:evil/evil",
        "npx --shell pwn -c ls",
        "npx -p ../evil x",
        "npx --unknown x -c pwn",
        "npx",
    ),
)

_YARN: Final = Program(
    names="yarn pnpm",
    style=Style.EXACT,
    valued="--registry --network-timeout --mutex --filter -F --loglevel --reporter",
    risks=(
        Risk(
            options="--script-shell --git --use-yarnrc --rc "
            "--node-options --node-arg --config.script-shell --userconfig "
            "--globalconfig --init-module --pnpmfile --global-pnpmfile "
            "--npmrc-auth-file",
            effect=Effect.RUNS,
            why="names a program, or settings that do",
        ),
        Risk(
            options="--cwd -C --dir --prefix",
            effect=Effect.SCRIPT,
            why="names the directory whose scripts run",
        ),
        Risk(
            options="--modules-folder --cache-folder --store-dir --virtual-store-dir",
            effect=Effect.WRITES,
            why="writes files there",
        ),
        Risk(
            options="-c --shell-mode",
            effect=Effect.RUNS,
            why="runs its words in a shell",
            bare=True,
        ),
    ),
    everywhere=True,
    subcommands=(
        Subcommand(
            names="exec dlx create x env patch-commit plugin set workspaces.foreach "
            "workspace.exec node",
            refused="runs a program by name, or installs one",
        ),
        Subcommand(
            names="config",
            refused="changes settings that name programs",
            harmless="get list",
        ),
        Subcommand(names="init", operands="*", operands_why="runs a package by name"),
        Subcommand(
            names="add install i link",
            operands=_LOCAL,
            operands_why=LOCAL_PACKAGE,
        ),
    ),
    reason="It runs programs by name, and options say with what shell.",
    passes=(
        "yarn workspace web test",
        "yarn install --frozen-lockfile",
        "yarn build",
        "pnpm -r test",
        "pnpm --filter web run build",
    ),
    refuses=(
        "yarn exec pwn",
        "yarn dlx pwn",
        "pnpm exec pwn",
        "pnpm run x --script-shell ./pwn",
        "pnpm exec -c pwn",
        "yarn config set script-shell ./pwn",
        "pnpm add ./evilpkg",
    ),
)

_SETTINGS_WHY: Final = "reads settings that load code"
_SETTINGS: Final = " ".join(
    f"{tool}.config.{ending}"
    for tool in [
        "babel",
        "cypress",
        "eslint",
        "jest",
        "mocha",
        "playwright",
        "prettier",
        "rollup",
        "stylelint",
        "vite",
        "vitest",
        "webpack",
    ]
    for ending in ["cjs", "cts", "js", "json", "mjs", "mts", "ts"]
) + (
    " webpack.dev.js webpack.prod.js webpack.common.js .eslintrc .eslintrc.* .babelrc "
    ".mocharc.* .prettierrc .prettierrc.* .stylelintrc .stylelintrc.* biome.json"
)

_TOOL_RISKS: Final = (
    Risk(
        options="--config --configuration --rcfile --flow-config",
        effect=Effect.LOADS,
        why=_SETTINGS_WHY,
        passing=_SETTINGS,
    ),
    Risk(
        options="--project",
        effect=Effect.SCRIPT,
        why=_SETTINGS_WHY,
    ),
    Risk(
        options="-r --require --import --loader --plugin --plugins --presets --parser "
        "--rulesdir "
        "--resolve-plugins-relative-to --formatter --custom-formatter "
        "--custom-syntax --setupFiles --setupFilesAfterEnv --globalSetup "
        "--globalTeardown --testRunner --runner --transform --resolver --reporters "
        "--testEnvironment --env-file",
        effect=Effect.LOADS,
        why="loads code, or lets others run some",
        values="*/* .* *:* *.js *.cjs *.mjs *.ts",
    ),
    Risk(
        options="-o --output --output-file --outfile --outdir --outDir --outFile "
        "--declarationDir --tsBuildInfoFile --generateTrace --out-file --out-dir "
        "--cache-location --outputFile --outputPath --output-path --report-dir "
        "--temp-dir --coverageDirectory --coverage-directory --cacheDirectory "
        "--metafile --generateCpuProfile",
        effect=Effect.WRITES,
        why="writes files there",
        passing=".next .cache",
    ),
    Risk(
        options="--init",
        effect=Effect.RUNS,
        why="fetches and runs a package",
        bare=True,
    ),
)

_JS_TOOLS: Final = Program(
    names="tsc prettier mocha esbuild ava tap cypress turbo nx "
    "lerna "
    "next ng parcel tsup biome oxlint standard xo swc babel",
    style=Style.EXACT,
    risks=_TOOL_RISKS,
    everywhere=True,
    subcommands=(
        Subcommand(
            names="exec",
            refused="runs a command in every package",
        ),
    ),
    reason="Options load code, and write files anywhere.",
    passes=(
        "tsc --noEmit -p tsconfig.json",
        "prettier --check .",
        "tsc --outDir dist",
    ),
    refuses=(
        "mocha -r ./evil.js",
        "tsc --outDir .git/hooks",
        "babel --plugins ./evil.js x.js",
        "prettier --config evil.js x.js",
    ),
)

_JS_CONFIGURED: Final = Program(
    names="eslint stylelint jest vitest playwright webpack vite rollup",
    style=Style.EXACT,
    risks=(
        *_TOOL_RISKS,
        Risk(
            options="-c",
            effect=Effect.LOADS,
            why=_SETTINGS_WHY,
            values="*",
            passing=_SETTINGS,
        ),
    ),
    reason="Options load code, and write files anywhere.",
    passes=(
        "eslint --fix src --ext .ts",
        "eslint -c eslint.config.js src",
        "jest -t 'adds' --coverage",
        "webpack --mode production",
        "vite build --mode production",
        "rollup -c",
    ),
    refuses=(
        "eslint --rulesdir ./evil src",
        "eslint -o /etc/x src",
        "eslint -c /dev/stdin src",
        "jest --globalSetup=./evil.js",
        "webpack --config /dev/stdin",
        "webpack -c evil.js",
        'jest --config \'{"globalSetup": "./evil.js"}\'',
        "vite build -c evil.js",
    ),
)

PROGRAMS: Final = (
    _JS_CONFIGURED,
    _NPM,
    _NPX,
    _JS_TOOLS,
    _YARN,
)

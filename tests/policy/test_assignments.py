"""Which variables steer programs."""

from __future__ import annotations

import pytest

from commander.policy.assignments import steers


@pytest.mark.parametrize(
    "name",
    (
        "PATH IFS ENV BASH_ENV HOME SHELL LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT "
        "DYLD_INSERT_LIBRARIES GIT_DIR GIT_SSH_COMMAND GIT_EXTERNAL_DIFF GIT_CONFIG "
        "GIT_CONFIG_COUNT PAGER MANPAGER LESSOPEN LESS EDITOR VISUAL FCEDIT PS4 "
        "PROMPT_COMMAND SHELLOPTS BASHOPTS CDPATH PYTHONPATH PYTHONSTARTUP PYTHONHOME "
        "PYTHONBREAKPOINT PERL5LIB PERL5OPT PERL5DB RUBYOPT RUBYLIB NODE_OPTIONS "
        "NODE_PATH JAVA_TOOL_OPTIONS _JAVA_OPTIONS CLASSPATH TAR_OPTIONS GREP_OPTIONS "
        "RSYNC_RSH MAKEFLAGS MFLAGS MAKEFILES CC CXX CFLAGS LDFLAGS CARGO_HOME "
        "RUSTC_WRAPPER GOFLAGS GOPATH npm_config_script_shell PIP_INDEX_URL "
        "PIP_CONFIG_FILE XDG_CONFIG_HOME SSH_ASKPASS SSH_AUTH_SOCK BROWSER TERMINFO "
        "LOCPATH NLSPATH GCONV_PATH OPENSSL_CONF CURL_HOME WGETRC PSQLRC KUBECONFIG "
        "DOCKER_HOST DOCKER_CONFIG_PATH ZDOTDIR VIMINIT EXINIT AWKPATH AWKLIBPATH "
        "HGRCPATH SVN_SSH ANSIBLE_CONFIG TF_CLI_CONFIG_FILE AWS_CONFIG_FILE MCP_SHELL "
        "GPG_HOME SYSTEMD_EDITOR LUA_PATH LUA_INIT PHPRC BUNDLE_GEMFILE MY_TOOL_HOOK "
        "OTHER_PAGER WEIRD_SHELL_COMMAND QT_PLUGIN_PATH GTK_MODULES"
    ).split(),
)
def test_a_name_that_decides_what_runs_steers(name: str) -> None:
    assert steers(name, None)
    assert steers(name, "pwn")


@pytest.mark.parametrize(
    "name",
    (
        "x name count line f dir DIR NAME VERSION CI TZ LANG LC_ALL DEBUG NO_COLOR "
        "FORCE_COLOR TERM COLUMNS NODE_ENV RAILS_ENV PYTHONUNBUFFERED "
        "PYTHONDONTWRITEBYTECODE RUST_BACKTRACE RUST_LOG AWS_REGION "
        "GIT_TERMINAL_PROMPT GIT_AUTHOR_NAME OPTS FLAGS CMD result total URL PORT HOST"
    ).split(),
)
def test_an_ordinary_name_does_not(name: str) -> None:
    assert not steers(name, None)
    assert not steers(name, "value")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GIT_PAGER", "cat"),
        ("GIT_PAGER", ""),
        ("PAGER", "cat"),
        ("GIT_EDITOR", "true"),
        ("AWS_PAGER", ""),
    ],
)
def test_a_value_that_does_no_harm_passes(name: str, value: str) -> None:
    assert not steers(name, value)
    assert steers(name, "cat; pwn")

#!/usr/bin/env bash
# The steps of action.yml: `install` this version of the plugin in an environment of its own, and `judge`.
# Inputs come as PATHS (one a line), SUITE, FAIL_ON, LIVE, LOCAL_CODE and SARIF.
set -euo pipefail

environment=${RUNNER_TEMP:-/tmp}/dockerharden
if [ "${OS:-}" = Windows_NT ]; then bin=$environment/Scripts; else bin=$environment/bin; fi

install() {
    local extra=""
    if [ "${LIVE:-false}" = true ]; then extra="[live]"; fi
    python -m venv "$environment"
    "$bin/python" -m pip install --quiet --disable-pip-version-check "$GITHUB_ACTION_PATH$extra"
}

judge() {
    local arguments=(--harden-report=github) path
    if [ -n "${SARIF:-}" ]; then arguments+=("--harden-report=sarif:$SARIF"); fi
    if [ -n "${SUITE:-}" ]; then arguments+=("--harden-suite=$SUITE"); fi
    if [ -n "${FAIL_ON:-}" ]; then arguments+=("--harden-fail-on=$FAIL_ON"); fi
    if [ "${LIVE:-false}" = true ]; then arguments+=(--harden-live); fi
    if [ "${LOCAL_CODE:-true}" != true ]; then arguments+=(--harden-no-local-code); fi
    while IFS= read -r path; do
        if [ -n "$path" ]; then arguments+=("$path"); fi
    done <<< "${PATHS:-}"
    "$bin/dockerharden" "${arguments[@]}"
}

"$1"

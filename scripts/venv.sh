# Sourced by the scripts beside it. make_venv EXTRA: has .venv hold the project and the extra (dev, or nothing).
# The stamp holds a checksum of pyproject.toml, so that the second time costs nothing.

say() { printf '%s\n' "== $*" >&2; }

find_python() {
    for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    say "no Python 3.11, 3.12 or 3.13 found: install one, or name it in PYTHON"
    return 1
}

make_venv() {
    local extra="$1" python wanted stamp
    stamp=".venv/.stamp-${extra:-run}"
    wanted="$(git hash-object pyproject.toml 2>/dev/null || cksum < pyproject.toml)"
    if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    if ! [ -x .venv/bin/python ]; then
        python="$(find_python)" || return 1
        say "making .venv with $python"
        "$python" -m venv .venv
    fi
    say "installing the project${extra:+ and its $extra tools} into .venv: about a minute, the first time"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".${extra:+[$extra]}"
    printf '%s\n' "$wanted" > "$stamp"
}

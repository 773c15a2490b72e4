# SPDX-License-Identifier: GPL-2.0
#
# What the programs of the lab share: where things are, how to speak, which
# Debian entries the machine uses. Sourced by bash scripts, never run.

LAB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$LAB/../.." && pwd)
OUT=$TOP/build/lab

ME=${0##*/}

say() { printf '%s: %s\n' "$ME" "$*" >&2; }
die() { say "$*"; exit 1; }

# show_log LOG: on a terminal, the seconds gone and the last line of LOG, on one
# line that is wiped at the end; ends with the script.
show_log() {
	local began=$SECONDS

	while sleep 1 && kill -0 $$ 2>/dev/null; do
		printf '\r\033[K%4d s  %s' $((SECONDS - began)) \
			"$(tail -c 300 "$1" | tr '\r\t' '\n ' | grep . | tail -n 1 | cut -c 1-68)" >&2
	done
}

# run_logged LOG COMMAND...: COMMAND's output goes to LOG, whose end is shown
# when COMMAND fails. On a terminal the waiting user sees what goes on.
run_logged() {
	local log=$1 shower='' status=0

	shift
	: >"$log"
	if [ -t 2 ]; then
		show_log "$log" &
		shower=$!
	fi
	"$@" >"$log" 2>&1 || status=$?
	if [ -n "$shower" ]; then
		kill "$shower"
		wait "$shower" 2>/dev/null || :
		printf '\r\033[K' >&2
	fi
	[ "$status" != 0 ] || return 0
	say "failed: $1; the end of $log:"
	tail -n 15 "$log" >&2
	return "$status"
}

# need_root "$@": go on as root, by sudo where there is one.
need_root() {
	[ "$(id -u)" != 0 ] || return 0
	command -v sudo >/dev/null || die "must run as root"
	exec sudo --preserve-env=KVER "$0" "$@"
}

# KVER: the kernel of the lab's host. Its headers build the module, so they
# decide; KVER= in the environment overrides the newest installed ones.
lab_kver() {
	local kver=${KVER:-} d

	if [ -z "$kver" ]; then
		for d in $(printf '%s\n' /usr/src/linux-headers-6.12.*-cloud-amd64 | sort -V); do
			[ ! -e "$d/Makefile" ] || kver=${d#/usr/src/linux-headers-}
		done
	fi
	[ -n "$kver" ] || return 1
	echo "$kver"
}

# Print the machine's enabled Debian entries for the release and its updates
# as one-line entries, whichever of apt's two formats they are written in.
# $1: the name of the release, for instance bookworm.
apt_entries() {
	local f

	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ ! -e "$f" ] || sed -n 's/[[:space:]]*#.*//; /^deb[[:space:]]/p' "$f"
	done | awk -v rel="$1" '{
		i = 2
		if ($i ~ /^\[/) {
			while ($i !~ /\]$/)
				i++
			i++
		}
		if ($(i + 1) ~ "^" rel "(-updates|-security|-backports|/updates)?/?$")
			print
	}'
	for f in /etc/apt/sources.list.d/*.sources; do
		[ ! -e "$f" ] || { cat "$f"; echo; }
	done | awk -v rel="$1" '
	function flush(	nu, ns, u, s, i, j, opt) {
		if (types ~ /(^| )deb( |$)/ && enabled != "no") {
			opt = key ~ /^\// ? "[signed-by=" key "] " : ""
			nu = split(uris, u, " ")
			ns = split(suites, s, " ")
			for (i = 1; i <= nu; i++)
				for (j = 1; j <= ns; j++)
					if (s[j] ~ "^" rel "(-updates|-security|-backports)?$")
						print "deb " opt u[i] " " s[j] " " comps
		}
		types = uris = suites = comps = key = enabled = ""
	}
	/^#/ { next }
	/^[[:space:]]*$/ { flush(); next }
	{ value = $0; sub(/^[^:]*:[[:space:]]*/, "", value); field = tolower($0); sub(/:.*/, "", field) }
	field == "types" { types = value }
	field == "uris" { uris = value }
	field == "suites" { suites = value }
	field == "components" { comps = value }
	field == "signed-by" { key = value }
	field == "enabled" { enabled = tolower(value) }
	END { flush() }'
}

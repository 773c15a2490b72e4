#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# usage: acpi_test.sh DIR, where acpi_test is. Prints TAP.

. "$(dirname "$0")/../../tap.sh"
cd "$1" || exit 1

# A table taken apart and compiled again is the same table but for what iasl
# puts into its header.
round_trip() {
	iasl -d "$1" || return 1
	! grep -E 'Invalid|Unknown|Error|Warning' "${1%.dat}.dsl" || return 1
	iasl -p again "${1%.dat}.dsl" || return 1
	cmp <(tail -c +37 "$1") <(tail -c +37 again.aml)
}

# AML: iasl picks shorter forms of a length than our writer does, so what is
# compared is the text, without comments and the root sign.
meaning() { sed '1,/^ *\*\//d; /DefinitionBlock/d; s/(\\_/(_/' "$1"; }

round_trip_aml() {
	local asl=${1%.dat}.dsl

	iasl -d "$1" || return 1
	! grep -E 'Invalid|Unknown|Error|Warning' "$asl" || return 1
	iasl -p again "$asl" || return 1
	iasl -p again -d again.aml || return 1
	diff <(meaning "$asl") <(meaning again.dsl)
}

has() { grep -qE "$2" "$1"; }

if ! command -v iasl >/dev/null; then
	echo "1..0 # SKIP no iasl (acpica-tools)"
	exit 0
fi
echo "TAP version 13"
echo "1..21"
for machine in "1 0x1 1" "2 0xf 1" "255 0xffffffff 0"; do
	rm -f -- *.dat *.dsl *.aml
	# shellcheck disable=SC2086 # three arguments
	ok "[$machine] tables are consistent" ./acpi_test . $machine
	ok "[$machine] DSDT" round_trip_aml DSDT.dat
	for table in FACP APIC MCFG; do
		ok "[$machine] $table" round_trip $table.dat
	done
	read -r vcpus _ serial <<<"$machine"
	ok "[$machine] one local APIC for each vCPU" \
		[ "$(grep -c 'Processor Local APIC\]' APIC.dsl)" = "$vcpus" ]
	if [ "$serial" = 1 ]; then
		ok "[$machine] the serial port is in DSDT and SPCR" \
			eval 'has DSDT.dsl PNP0501 && round_trip SPCR.dat'
	else
		ok "[$machine] no serial port" eval '! has DSDT.dsl PNP0501 && [ ! -e SPCR.dat ]'
	fi
done
exit $failed

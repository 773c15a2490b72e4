#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lab: smp=2 timeout=900 full
#
# Debian as a PV guest with its own kernel. With other numbers of vCPUs: pvdisk.sh.

. ./guest.sh
. ./debian.sh
host=192.168.79.1
plan 5

hvctl net -a $host/24 up || exit 1

# Has the lab a way out? Then apt has one, too.
outside() {
	answers 'getent hosts $(sed -n "s,^deb [^/]*//\([^/]*\)/.*,\1,p" /etc/apt/sources.list | head -n 1)'
}

debian 'type="pv"' vcpus=2 'extra="console=hvc0"' 'root="/dev/xvda ro"'
ok "2 vCPUs: a prompt" at_prompt
ok "... 2 CPUs, its root on xvda, the network by DHCP" has_all 2
if outside; then
	ok "... apt installs a package" answers \
		'apt-get -qq update && apt-get -qq -y install hello && hello'
else
	ok "... apt installs a package # SKIP no way out" true
fi
ok "... it reboots" reboots
ok "... it powers off" off

finish

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# usage: install_test.sh TOP DIR, of the checkout and to work in. Prints TAP.

top=$1
cd "$2" || exit 1
. "$top/selftests/lab/lib.sh"
. "$top/selftests/tap.sh"
export PATH=$PATH:/usr/sbin:/sbin
kver=$(lab_kver)

if [ -z "$kver" ]; then
	echo "1..0 # SKIP no headers of the lab's kernel"
	exit 0
fi
rm -rf root source tree modules
mkdir -p tree "modules/$kver"

# has MODE PATH...: files under root that are readable to all, programs too
has() {
	local mode=$1 file

	shift
	for file in "$@"; do
		[ "$(stat -c %a "root/$file")" = "$mode" ] || { echo "$file"; return 1; }
	done
}

field() { modinfo -F "$1" "$2"; }

# What modprobe would do with the settings that were installed.
replaces_kvm() {
	depmod -b root "$kver" &&
		modprobe -d root -C root/etc/modprobe.d -S "$kver" --show-depends hvctl |
		grep -q 'modprobe -q -r kvm_amd kvm_intel'
}

# dkms_do COMMAND OPTION...: DKMS, but with trees of our own
dkms_do() {
	local command=$1

	shift
	dkms "$command" -m hvctl -v "$version" --dkmstree "$PWD/tree" \
		--sourcetree "$PWD/source/usr/src" --installtree "$PWD/modules" "$@"
}

echo "TAP version 13"
make=(make -s -C "$top" "DESTDIR=$PWD/root" PREFIX=/usr)
module=root/lib/modules/$kver/updates/hvctl.ko
ok "make install" "${make[@]}" install "install_kver=$kver"
ok "programs" has 755 usr/bin/hvctl usr/bin/vmmd
ok "the module, settings, header and manual pages" has 644 "lib/modules/$kver/updates/hvctl.ko" \
	etc/modprobe.d/hvctl.conf lib/udev/rules.d/60-hvctl.rules usr/include/hvctl.h \
	usr/share/man/man5/hvctl.cfg.5 usr/share/man/man8/hvctl.8 usr/share/man/man8/vmmd.8
ok "nothing else" [ "$(find root -type f | wc -l)" = 9 ]
version=$(field version "$module")
ok "the module is for that kernel" eval '[[ $(field vermagic "$module") == "$kver "* ]]'
ok "modprobe hvctl replaces KVM" replaces_kvm
ok "the manual pages have no errors" mandoc -T lint -W error root/usr/share/man/man?/*

ok "make dkms" make -s -C "$top" "DESTDIR=$PWD/source" dkms
ok "DKMS takes it" eval '[ -n "$version" ] && [ -e "source/usr/src/hvctl-$version/dkms.conf" ]'
ok "nothing built goes with it" eval '! find source/usr/src -name "*.o" -o -name "*.ko" | grep .'
if command -v dkms >/dev/null && [ "$(id -u)" = 0 ]; then
	ok "dkms add" dkms_do add
	ok "dkms build" dkms_do build -k "$kver" --kernelsourcedir "/usr/src/linux-headers-$kver"
	ok "dkms install" dkms_do install -k "$kver"
	module=$(find modules -name 'hvctl.ko*')
	ok "the module of that version" [ "$(field version "$module")" = "$version" ]
	ok "dkms remove" dkms_do remove --all
	ok "leaves no module" [ -z "$(find modules -name 'hvctl.ko*')" ]
else
	ok "dkms # SKIP not installed, or not root" true
fi
echo "1..$n"
exit $failed

# SPDX-License-Identifier: GPL-2.0
#
# make            build the module, vmmd and hvctl under build/
# make run        bring a guest's console up, here or in the lab
# make check      all tests; make check-quick: those that take minutes;
#                 make check-vmx: the module's on VMX; make check-pv: PV guests
# make help       the rest

top := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))
out := $(top)/build
lab := $(top)/selftests/lab

# The kernel to build the module for: the lab's, unless told otherwise.
KVER ?= $(shell bash -c '. $(lab)/lib.sh; lab_kver' || uname -r)
KDIR ?= $(firstword $(wildcard /lib/modules/$(KVER)/build /usr/src/linux-headers-$(KVER)))
VERSION := $(shell sed -n 's/^\#define HV_VERSION[[:space:]]*"\(.*\)"/\1/p' $(wildcard $(top)/kmod/*.h $(top)/kmod/Kbuild))

PREFIX	?= /usr/local
# Kernels of other versions get a directory of their own.
module_out ?= $(out)/kmod

all: module vmmd

help:
	@echo 'make                the module, vmmd and hvctl, under build/'
	@echo 'make run            a Debian guest on hvctl, its console in front of you'
	@echo 'make check          all tests, ending with "N passed, N failed"'
	@echo 'make check-quick    the tests that take minutes'
	@echo 'make check-vmx      the tests of the module on VMX, in Bochs (hours)'
	@echo 'make check-pv       Xen PV guests of all kinds on SVM and VMX (an hour)'
	@echo 'make bench          measure, write Documentation/performance.md'
	@echo 'make bench-pv       the same for PV guests, beside Xen (half an hour)'
	@echo 'make lint           checkpatch, sparse, W=1, clang-format, shell syntax'
	@echo 'make setup          install the packages all of this needs (Debian 12)'
	@echo 'make install        install for the running kernel (PREFIX=, DESTDIR=,'
	@echo '                    install_kver= for another kernel)'
	@echo 'make dkms           let DKMS build the module for every kernel'
	@echo 'make clean          remove what was built; make distclean: images too'

setup:
	@$(lab)/setup

# kbuild writes beside the sources, so it gets a directory of links to them.
module_src := $(patsubst $(top)/kmod/%,%,$(filter-out %.mod.c,\
	$(wildcard $(addprefix $(top)/kmod/,*.[chS] */*.[chS] Kbuild */Kbuild))))

module-tree:
	@mkdir -p $(sort $(dir $(addprefix $(module_out)/,$(module_src))))
	@find $(module_out) -xtype l -delete
	@$(foreach file,$(module_src),ln -sf $(top)/kmod/$(file) $(module_out)/$(file) &&) \
		ln -sfn $(top)/uapi $(module_out)/../uapi

module: module-tree
	@test -n '$(KDIR)' || { echo 'no kernel headers for $(KVER); make setup' >&2; exit 1; }
	flock $(module_out)/.lock $(MAKE) -C $(KDIR) M=$(module_out) modules

vmmd:
	$(MAKE) -C $(top)/vmmd

selftests:
	$(MAKE) -C $(top)/selftests

run: setup
	@$(lab)/run

check: setup
	@$(lab)/check

check-quick: setup
	@$(lab)/check --quick

check-vmx: setup
	@$(lab)/check --cpu vmx

pv-tests := $(patsubst $(top)/selftests/%,%,$(wildcard $(top)/selftests/vmm/pv*.sh))
check-pv: setup
	@$(lab)/build-image kernel host guest pv
	@$(lab)/check $(pv-tests)
	@$(lab)/check --cpu vmx $(pv-tests)

bench: setup all
	@$(lab)/fetch-linux
	$(MAKE) -C $(top)/selftests/bench bench

bench-pv: setup all
	@$(lab)/build-image kernel host guest bochs xen postgres
	$(MAKE) -C $(top)/selftests/bench/pv bench

lint: setup
	@$(lab)/lint

# Installed for the running kernel, whatever the lab's is.
install_kver ?= $(shell uname -r)
install_out = $(if $(filter $(KVER),$(install_kver)),$(module_out),$(out)/kmod-$(install_kver))

install: vmmd
	$(MAKE) module KVER=$(install_kver) module_out=$(install_out)
	install -D -m 644 $(install_out)/hvctl.ko \
		$(DESTDIR)/lib/modules/$(install_kver)/updates/hvctl.ko
	strip -g $(DESTDIR)/lib/modules/$(install_kver)/updates/hvctl.ko
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin $(out)/vmmd/vmmd $(out)/vmmd/hvctl
	$(MAKE) install-data
	test -n '$(DESTDIR)' || depmod $(install_kver)

# Everything but binaries: rules, the group, the header, the manual pages.
install-data:
	install -D -m 644 $(top)/kmod/hvctl.modprobe.conf $(DESTDIR)/etc/modprobe.d/hvctl.conf
	install -D -m 644 $(top)/kmod/60-hvctl.rules $(DESTDIR)/lib/udev/rules.d/60-hvctl.rules
	install -D -m 644 $(top)/uapi/hvctl.h $(DESTDIR)$(PREFIX)/include/hvctl.h
	set -e; for page in $(wildcard $(top)/Documentation/man/*.[58]); do \
		install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man$${page##*.} $$page; \
	done
	test -n '$(DESTDIR)' || getent group hvctl >/dev/null || groupadd -r hvctl
	test -n '$(DESTDIR)' || ! command -v udevadm >/dev/null || udevadm control --reload || true

dkms_src := $(DESTDIR)/usr/src/hvctl-$(VERSION)

# A version that DKMS knows already is built anew. With DESTDIR its sources are
# only put there, for a package that calls DKMS when it is installed.
dkms: vmmd
	@test -n '$(DESTDIR)' || command -v dkms >/dev/null || \
		{ echo 'dkms is not installed (apt-get install dkms)' >&2; exit 1; }
	test -n '$(DESTDIR)' || test -z "$$(dkms status hvctl/$(VERSION))" || \
		dkms remove hvctl/$(VERSION) --all
	rm -rf $(dkms_src)
	mkdir -p $(dkms_src)/kmod $(dkms_src)/uapi
	cd $(top)/kmod && cp --parents $(module_src) $(dkms_src)/kmod/
	cp $(top)/Kbuild $(dkms_src)/
	cp $(top)/uapi/*.h $(dkms_src)/uapi/
	sed 's/@VERSION@/$(VERSION)/' $(top)/kmod/dkms.conf >$(dkms_src)/dkms.conf
	test -n '$(DESTDIR)' || dkms install --force hvctl/$(VERSION)
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin $(out)/vmmd/vmmd $(out)/vmmd/hvctl
	$(MAKE) install-data

clean:
	rm -rf $(out)/kmod* $(out)/vmmd* $(out)/selftests $(out)/unit $(out)/check* $(out)/lint $(out)/uapi

distclean:
	rm -rf $(out)

.PHONY: all help setup module-tree module vmmd selftests run check check-quick check-vmx \
	check-pv bench bench-pv lint install \
	install-data dkms clean distclean

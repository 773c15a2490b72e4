#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lab: smp=2 timeout=600 long
#
# The same when the guest's programs run on page tables without their kernel.

PV_USER_PGD=1 exec ./pv.sh

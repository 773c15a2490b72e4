/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every difference between the kernels hvctl builds for (6.1, 6.12, 7.2)
 * lives here and nowhere else.
 */
#ifndef HVCTL_COMPAT_H
#define HVCTL_COMPAT_H

#include <linux/version.h>

#ifndef __counted_by
#define __counted_by(member)
#endif

#endif /* HVCTL_COMPAT_H */

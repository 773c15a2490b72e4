/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's test harness, and what it lacks for tests of guests.
 */
#ifndef KVMABI_HARNESS_H
#define KVMABI_HARNESS_H

#include "kvmabi.h"
#include "kselftest_harness.h"

#include <errno.h>

/* An emulated host is slow, and shares its machine with others like it. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 120

/* Run the vCPU and expect that the guest gets to the named report; its a and
 * b are in vcpu->last then.
 */
#define ASSERT_REPORT(vcpu, want_kind, want_value)                                                 \
	do {                                                                                       \
		struct kv_report r_ = kv_next(vcpu);                                               \
                                                                                                   \
		(vcpu)->last = r_;                                                                 \
		ASSERT_EQ(want_kind, r_.kind)                                                      \
		{                                                                                  \
			TH_LOG("%s", kv_text(vcpu, &r_));                                          \
		}                                                                                  \
		ASSERT_EQ((u64)(want_value), r_.value)                                             \
		{                                                                                  \
			TH_LOG("%s", kv_text(vcpu, &r_));                                          \
		}                                                                                  \
	} while (0)
/* The vCPU was told to stop by kv_kick(), and nothing else stopped it. */
#define ASSERT_KICKED(vcpu)                                                                        \
	do {                                                                                       \
		struct kv_report r_ = kv_join(vcpu);                                               \
                                                                                                   \
		ASSERT_EQ(KV_EINTR, r_.kind)                                                       \
		{                                                                                  \
			TH_LOG("%s", kv_text(vcpu, &r_));                                          \
		}                                                                                  \
	} while (0)
#define ASSERT_SYNC(vcpu, value) ASSERT_REPORT(vcpu, KV_SYNC, value)
#define ASSERT_DONE(vcpu)	 ASSERT_REPORT(vcpu, KV_DONE, 0)
#define ASSERT_EXIT(vcpu, why)	 ASSERT_REPORT(vcpu, KV_EXIT, why)
/* ... or to an exception that it does not handle. */
#define ASSERT_TRAP(vcpu, nr)                                                                      \
	do {                                                                                       \
		ASSERT_REPORT(vcpu, KV_TRAP, 0);                                                   \
		ASSERT_EQ((u32)(nr), kv_trap_get(vcpu).vector);                                    \
	} while (0)

/* The call fails with this errno. */
#define EXPECT_ERRNO(err, call)                                                                    \
	do {                                                                                       \
		errno = 0;                                                                         \
		EXPECT_EQ(-1, call);                                                               \
		EXPECT_EQ(err, errno);                                                             \
	} while (0)

#endif /* KVMABI_HARNESS_H */

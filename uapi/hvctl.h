/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * hvctl: the ABI of /dev/hvctl.
 *
 * The node speaks the KVM ioctl ABI: numbers and structures of <linux/kvm.h>.
 * A capability that hvctl lacks is reported as 0 by KVM_CHECK_EXTENSION.
 * What KVM has no word for is added here, under an ioctl magic of its own,
 * so that no KVM number ever means something else on this node.
 *
 * Documentation/uapi.rst describes every call.
 */
#ifndef _UAPI_HVCTL_H
#define _UAPI_HVCTL_H

#include <linux/ioctl.h>
#include <linux/kvm.h>
#include <linux/types.h>

#define HVCTL_DEVICE		"/dev/hvctl"

/* A magic that the kernel's ioctl-number.rst gives to nobody. */
#define HVCTL_MAGIC		0xBD

#define HVCTL_ABI_VERSION	1

/**
 * struct hvctl_version - what answers on this node
 * @abi: HVCTL_ABI_VERSION of the module; grows when calls are added
 * @backend: one of HVCTL_BACKEND_*
 * @module: the module's version as text, NUL terminated
 */
struct hvctl_version {
	__u32 abi;
	__u32 backend;
	char module[56];
};

#define HVCTL_BACKEND_SVM	1
#define HVCTL_BACKEND_VMX	2

#define HVCTL_NAME_LEN		64

/**
 * struct hvctl_identity - who a domain is
 * @domid: out: the number the module gave this VM, unique while it lives and
 *	   not reused before 2^15 others were made; 0 is the host itself
 * @owner_pid: out: thread group id of the process that created the VM, in the
 *	       reader's pid name space (0 when it has no number there)
 * @owner_uid: out: user id of that process, in the reader's user name space
 * @reserved: zero
 * @uuid: in/out: 16 bytes in the order they are written
 * @name: in/out: NUL-terminated, of [A-Za-z0-9_.:+-], no leading dot or dash
 *
 * A new VM is called "vm-DOMID" and has an all-zero uuid.
 */
struct hvctl_identity {
	__u32 domid;
	__u32 owner_pid;
	__u32 owner_uid;
	__u32 reserved;
	__u8 uuid[16];
	char name[HVCTL_NAME_LEN];
};

/* Why a vCPU left the guest; the same numbers on every back end. */
enum hvctl_exit_class {
	HVCTL_EXIT_EXTERNAL_INTERRUPT,
	HVCTL_EXIT_INTERRUPT_WINDOW,
	HVCTL_EXIT_CPUID,
	HVCTL_EXIT_HYPERCALL,
	HVCTL_EXIT_MSR_READ,
	HVCTL_EXIT_MSR_WRITE,
	HVCTL_EXIT_IO,
	HVCTL_EXIT_MMIO,
	HVCTL_EXIT_APIC,
	HVCTL_EXIT_DOORBELL,
	HVCTL_EXIT_NESTED_FAULT,
	HVCTL_EXIT_HLT,
	HVCTL_EXIT_CR_ACCESS,
	HVCTL_EXIT_DR_ACCESS,
	HVCTL_EXIT_EXCEPTION,
	HVCTL_EXIT_NMI,
	HVCTL_EXIT_PAUSE,
	HVCTL_EXIT_SHUTDOWN,
	HVCTL_EXIT_OTHER,
	HVCTL_EXIT_USER,	/* returns from KVM_RUN, whatever the cause */
	HVCTL_EXIT_CLASSES
};

/**
 * struct hvctl_vcpu_stats - counters of one vCPU since it was created
 * @size: in: sizeof of the caller's structure; out: bytes filled
 * @classes: out: valid entries of @exits
 * @run_ns: host time spent in KVM_RUN not asleep in HLT
 * @guest_ns: part of @run_ns spent in the run loop's inner part
 * @steal_ns: time the vCPU was runnable but the host ran something else
 * @halt_ns: time asleep in HLT inside the module
 * @injected: interrupts delivered to the guest
 * @exits: by enum hvctl_exit_class
 */
struct hvctl_vcpu_stats {
	__u32 size;
	__u32 classes;
	__u64 run_ns;
	__u64 guest_ns;
	__u64 steal_ns;
	__u64 halt_ns;
	__u64 injected;
	__u64 exits[32];
};

#define HVCTL_REFUSED_MAX	8

/**
 * struct hvctl_fail_entry - the whole of kvm_run.fail_entry, which it begins like
 * @hardware_entry_failure_reason: VMX: the exit reason, or the VM-instruction
 *				   error when VMRESUME itself failed; SVM: the
 *				   exit code
 * @cpu: the host CPU that refused
 * @count: valid entries of @refused
 * @refused: VMX: encodings (SDM volume 3, appendix B) and values of VMCS fields
 *	     that the manual's checks reject, the first ones; the log has all,
 *	     and the reasons. For a segment its access rights stand
 *
 * It lies where run->fail_entry lies after KVM_EXIT_FAIL_ENTRY.
 */
struct hvctl_fail_entry {
	__u64 hardware_entry_failure_reason;
	__u32 cpu;
	__u32 count;
	struct {
		__u32 field;
		__u32 reserved;
		__u64 value;
	} refused[HVCTL_REFUSED_MAX];
};

/* What KVM cannot know: why a domain ended, told by its VMM. */
enum hvctl_state {
	HVCTL_STATE_RUNNING,
	HVCTL_STATE_PAUSED,
	HVCTL_STATE_SHUTDOWN,
	HVCTL_STATE_CRASHED,
};

/* System fd */
#define HVCTL_GET_VERSION	_IOR(HVCTL_MAGIC, 0x00, struct hvctl_version)

/* VM fd */
#define HVCTL_GET_IDENTITY	_IOR(HVCTL_MAGIC, 0x10, struct hvctl_identity)
#define HVCTL_SET_IDENTITY	_IOW(HVCTL_MAGIC, 0x11, struct hvctl_identity)
#define HVCTL_SET_STATE		_IOW(HVCTL_MAGIC, 0x12, __u32)

/* vCPU fd */
#define HVCTL_GET_VCPU_STATS	_IOWR(HVCTL_MAGIC, 0x20, struct hvctl_vcpu_stats)

/*
 * Generic netlink family "hvctl". Domain events are multicast to group
 * "events"; HVCTL_CMD_GET_DOMAIN is answered with one HVCTL_CMD_DOMAIN for
 * each domain (dump) or for the one named by HVCTL_A_DOMID.
 */
#define HVCTL_GENL_NAME		"hvctl"
#define HVCTL_GENL_VERSION	1
#define HVCTL_GENL_EVENTS	"events"

enum hvctl_cmd {
	HVCTL_CMD_UNSPEC,
	HVCTL_CMD_GET_DOMAIN,
	HVCTL_CMD_DOMAIN,
	HVCTL_CMD_CREATED,
	HVCTL_CMD_PAUSED,
	HVCTL_CMD_RESUMED,
	HVCTL_CMD_SHUTDOWN,
	HVCTL_CMD_CRASHED,
	HVCTL_CMD_DESTROYED,
	HVCTL_CMD_RENAMED,
	HVCTL_CMD_MAX_PLUS_1
};

enum hvctl_attr {
	HVCTL_A_UNSPEC,
	HVCTL_A_PAD,
	HVCTL_A_DOMID,		/* u32 */
	HVCTL_A_NAME,		/* string */
	HVCTL_A_UUID,		/* 16 bytes */
	HVCTL_A_PID,		/* u32: owner, in the reader's pid name space */
	HVCTL_A_UID,		/* u32 */
	HVCTL_A_STATE,		/* u32: enum hvctl_state */
	HVCTL_A_VCPUS,		/* u32: vCPUs that exist */
	HVCTL_A_MEM_BYTES,	/* u64: sum of the writable memory slots */
	HVCTL_A_RUN_NS,		/* u64: sums over the vCPUs of the fields */
	HVCTL_A_GUEST_NS,	/* u64: of struct hvctl_vcpu_stats	   */
	HVCTL_A_STEAL_NS,	/* u64 */
	HVCTL_A_HALT_NS,	/* u64 */
	HVCTL_A_INJECTED,	/* u64 */
	HVCTL_A_EXITS,		/* u64 array by enum hvctl_exit_class */
	HVCTL_A_START_NS,	/* u64: CLOCK_BOOTTIME at creation */
	HVCTL_A_VCPU,		/* nested, one for each vCPU: */
	HVCTL_A_VCPU_ID,	/* u32 */
	HVCTL_A_VCPU_CPU,	/* u32: host CPU it ran on last */
	HVCTL_A_VCPU_RUNNING,	/* u32: 1 in KVM_RUN and not asleep */
	HVCTL_A_MAX_PLUS_1
};

#define HVCTL_CMD_MAX		(HVCTL_CMD_MAX_PLUS_1 - 1)
#define HVCTL_A_MAX		(HVCTL_A_MAX_PLUS_1 - 1)

#endif /* _UAPI_HVCTL_H */

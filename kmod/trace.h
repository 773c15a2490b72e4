/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of the run loop: /sys/kernel/tracing/events/hvctl.
 *
 * They are static branches when off; main.c instantiates them.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM hvctl

#if !defined(HVCTL_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define HVCTL_TRACE_H

#include <linux/tracepoint.h>

#include "hvctl.h"

/* What a reader sees for enum hv_reason. */
#define HV_TRACE_REASONS				\
	{ HV_R_INTERRUPT,	"interrupt" },		\
	{ HV_R_NMI,		"nmi" },		\
	{ HV_R_MACHINE_CHECK,	"machine_check" },	\
	{ HV_R_WINDOW,		"window" },		\
	{ HV_R_NMI_WINDOW,	"nmi_window" },		\
	{ HV_R_CPUID,		"cpuid" },		\
	{ HV_R_HYPERCALL,	"hypercall" },		\
	{ HV_R_RDMSR,		"rdmsr" },		\
	{ HV_R_WRMSR,		"wrmsr" },		\
	{ HV_R_RDPMC,		"rdpmc" },		\
	{ HV_R_IO,		"io" },			\
	{ HV_R_FAULT,		"fault" },		\
	{ HV_R_HLT,		"hlt" },		\
	{ HV_R_PAUSE,		"pause" },		\
	{ HV_R_CR,		"cr" },			\
	{ HV_R_DR,		"dr" },			\
	{ HV_R_EXCEPTION,	"exception" },		\
	{ HV_R_XSETBV,		"xsetbv" },		\
	{ HV_R_WBINVD,		"wbinvd" },		\
	{ HV_R_INVD,		"invd" },		\
	{ HV_R_MONITOR,		"monitor" },		\
	{ HV_R_MWAIT,		"mwait" },		\
	{ HV_R_TASK_SWITCH,	"task_switch" },	\
	{ HV_R_UNDEFINED,	"undefined" },		\
	{ HV_R_INIT,		"init" },		\
	{ HV_R_SHUTDOWN,	"shutdown" },		\
	{ HV_R_FAIL_ENTRY,	"fail_entry" },		\
	{ HV_R_UNKNOWN,		"unknown" }

#define HV_TRACE_EVENTS					\
	{ HV_EV_NONE,		"none" },		\
	{ HV_EV_INTERRUPT,	"interrupt" },		\
	{ HV_EV_NMI,		"nmi" },		\
	{ HV_EV_EXCEPTION,	"exception" }

#define HV_TRACE_ACCESS					\
	{ HV_ACC_READ,		"read" },		\
	{ HV_ACC_WRITE,		"write" },		\
	{ HV_ACC_EXEC,		"exec" },		\
	{ HV_ACC_PRESENT,	"present" },		\
	{ HV_ACC_WALK,		"walk" }

TRACE_EVENT(hvctl_entry,
	TP_PROTO(struct hv_vcpu *vcpu),
	TP_ARGS(vcpu),
	TP_STRUCT__entry(
		__field(u32, domid)
		__field(u32, vcpu)
		__field(u64, rip)
	),
	TP_fast_assign(
		__entry->domid = vcpu->vm->domid;
		__entry->vcpu = vcpu->id;
		__entry->rip = vcpu->state.rip;
	),
	TP_printk("dom %u vcpu %u rip 0x%llx", __entry->domid, __entry->vcpu,
		  __entry->rip)
);

TRACE_EVENT(hvctl_exit,
	TP_PROTO(struct hv_vcpu *vcpu),
	TP_ARGS(vcpu),
	TP_STRUCT__entry(
		__field(u32, domid)
		__field(u32, vcpu)
		__field(u32, reason)
		__field(u64, rip)
		__field(u64, hw0)
		__field(u64, hw1)
		__field(u64, hw2)
	),
	TP_fast_assign(
		__entry->domid = vcpu->vm->domid;
		__entry->vcpu = vcpu->id;
		__entry->reason = vcpu->exit.reason;
		__entry->rip = vcpu->state.rip;
		__entry->hw0 = vcpu->exit.hw[0];
		__entry->hw1 = vcpu->exit.hw[1];
		__entry->hw2 = vcpu->exit.hw[2];
	),
	TP_printk("dom %u vcpu %u reason %s rip 0x%llx hw 0x%llx 0x%llx 0x%llx",
		  __entry->domid, __entry->vcpu,
		  __print_symbolic(__entry->reason, HV_TRACE_REASONS),
		  __entry->rip, __entry->hw0, __entry->hw1, __entry->hw2)
);

TRACE_EVENT(hvctl_fault,
	TP_PROTO(struct hv_vcpu *vcpu, u64 gpa, u32 access),
	TP_ARGS(vcpu, gpa, access),
	TP_STRUCT__entry(
		__field(u32, domid)
		__field(u32, vcpu)
		__field(u64, gpa)
		__field(u32, access)
	),
	TP_fast_assign(
		__entry->domid = vcpu->vm->domid;
		__entry->vcpu = vcpu->id;
		__entry->gpa = gpa;
		__entry->access = access;
	),
	TP_printk("dom %u vcpu %u gpa 0x%llx %s", __entry->domid, __entry->vcpu,
		  __entry->gpa,
		  __print_flags(__entry->access, "|", HV_TRACE_ACCESS))
);

TRACE_EVENT(hvctl_inject,
	TP_PROTO(struct hv_vcpu *vcpu),
	TP_ARGS(vcpu),
	TP_STRUCT__entry(
		__field(u32, domid)
		__field(u32, vcpu)
		__field(u8, type)
		__field(u8, vector)
		__field(u8, has_error)
		__field(u32, error)
	),
	TP_fast_assign(
		__entry->domid = vcpu->vm->domid;
		__entry->vcpu = vcpu->id;
		__entry->type = vcpu->event.type;
		__entry->vector = vcpu->event.vector;
		__entry->has_error = vcpu->event.has_error;
		__entry->error = vcpu->event.error;
	),
	TP_printk("dom %u vcpu %u %s vector 0x%x%s error 0x%x", __entry->domid,
		  __entry->vcpu,
		  __print_symbolic(__entry->type, HV_TRACE_EVENTS),
		  __entry->vector, __entry->has_error ? "" : " no",
		  __entry->error)
);

#endif /* HVCTL_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>

// SPDX-License-Identifier: GPL-2.0
/* From the state that vmmd gave a vCPU to the guest's first instruction. */
#include "shim.h"

#include <asm/processor-flags.h>

/* The image begins with what vmmd looks for. */
extern const u8 image_end[];
void shim_start(u32 id) __attribute__((noreturn));

struct shim_header shim_header __attribute__((section(".header"))) = {
	.entry = (u64)shim_start,
	.stubs = (u64)stubs,
	.stubs_end = (u64)stubs_end,
	.hypercall = (u64)stub_hypercall,
	.image_end = (u64)image_end,
};

/* The local APIC's registers as MSRs (SDM vol. 3, 11.12.1.2). */
#define X2APIC_SPIV	 0x80f
#define X2APIC_LVT_TIMER 0x832
#define APIC_ON_SPURIOUS 0x1ff
#define APIC_TIMER_TSC	 (2 << 17) /* TSC-deadline mode */

static void apic_init(void)
{
	wrmsr(X2APIC_SPIV, APIC_ON_SPURIOUS);
	wrmsr(X2APIC_LVT_TIMER, SHIM_VEC_TIMER | APIC_TIMER_TSC);
}

#define CPUID_XSAVE (1U << 26)

/* Under Xen XSAVE is on before a kernel begins; GNU Mach counts on it. */
static void xsave_on(void)
{
	u32 eax = 1, ebx, ecx = 0, edx;
	u64 cr4;

	asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	if (!(ecx & CPUID_XSAVE))
		return;
	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	asm volatile("mov %0, %%cr4" : : "r"(cr4 | X86_CR4_OSXSAVE));
}

#define MSR_FS_BASE	   0xc0000100
#define MSR_GS_BASE	   0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

/**
 * vcpu_load() - start the guest on a vCPU that does not run it
 * @v: the calling vCPU
 * @c: what the guest wants it to begin with (VCPUOP_initialise)
 *
 * Does not return.
 */
void vcpu_load(struct vcpu *v, const struct vcpu_guest_context *c)
{
	const struct cpu_user_regs *r = &c->user_regs;
	struct guest_regs regs = {
		.rax = r->rax,
		.rbx = r->rbx,
		.rcx = r->rcx,
		.rdx = r->rdx,
		.rsi = r->rsi,
		.rdi = r->rdi,
		.rbp = r->rbp,
		.r8 = r->r8,
		.r9 = r->r9,
		.r10 = r->r10,
		.r11 = r->r11,
		.r12 = r->r12,
		.r13 = r->r13,
		.r14 = r->r14,
		.r15 = r->r15,
		.rip = r->rip,
		.cs = SHIM_CS,
		.ss = SHIM_SS,
		.rsp = r->rsp,
		.rflags = (r->rflags & ~(u64)X86_EFLAGS_IOPL) | X86_EFLAGS_IF | X86_EFLAGS_FIXED,
	};
	u32 i;

	mmu_adopt_l4(c->ctrlreg[3] >> PAGE_SHIFT);
	write_cr3(c->ctrlreg[3] & ~(PAGE_SIZE - 1));
	for (i = 0; i < 14 && i * 512 < c->gdt_ents; i++)
		mmu_set_gdt_frame(v, i, c->gdt_frames[i]);
	/* Unlike the hypercall's list this one goes on behind a vector without. */
	for (i = 0; i < ARRAY_SIZE(c->trap_ctxt); i++)
		trap_set(v, &c->trap_ctxt[i]);
	trap_set_stack(v, c->kernel_sp);
	v->event = c->event_callback_eip;
	v->failsafe = c->failsafe_callback_eip;
	trap_set_syscall(v, c->syscall_callback_eip);
	wrmsr(MSR_FS_BASE, c->fs_base);
	wrmsr(MSR_GS_BASE, c->gs_base_kernel);
	wrmsr(MSR_KERNEL_GS_BASE, c->gs_base_user);
	v->info->evtchn_upcall_mask = 1;
	v->started = 1;
	runstate_set(v, RUNSTATE_running);
	guest_enter(&regs);
}

static __attribute__((noreturn)) void start_guest(struct vcpu *v)
{
	const struct shim_start *s = &shim_info.start;
	struct guest_regs regs = {
		.rip = s->rip,
		.rsi = s->rsi,
		.rsp = s->rsp,
		.cs = SHIM_CS,
		.ss = SHIM_SS,
		.rflags = X86_EFLAGS_IF | X86_EFLAGS_FIXED,
	};

	write_cr3(s->cr3);
	v->up = 1;
	v->started = 1;
	v->active = 1;
	guest_enter(&regs);
}

/**
 * shim_start() - where vmmd lets each vCPU begin
 * @id: its number
 *
 * On the vCPU's own stack, in long mode, with GDTR, IDTR and TR set and the
 * shim's ranges mapped.
 */
void shim_start(u32 id)
{
	struct vcpu *v = vcpu_of(id);

	v->id = id;
	v->info = &shared()->vcpu_info[id];
	v->info->evtchn_upcall_mask = 1;
	v->low_ram = shim_info.low_pages << PAGE_SHIFT;
	v->timer = NEVER;
	v->poll_until = NEVER;
	trap_init(v);
	xsave_on();
	apic_init();
	clock_follow(v);
	if (id)
		vcpu_wait_up(v);
	clock_restored();
	event_init();
	start_guest(v);
}

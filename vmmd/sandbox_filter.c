// SPDX-License-Identifier: GPL-2.0
/*
 * System call filters: what each role may ask of the kernel. All else traps.
 *
 * The main thread may do all that any role may, because it starts the others
 * and filters are inherited. Descriptors are the real capabilities: nothing
 * here opens a new one by path but in the empty root of the main thread.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <linux/vhost.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hvctl.h"
#include "log.h"
#include "sandbox_filter.h"
#include "types.h"

#define N_ROLES (ROLE_READER + 1)

#define MAIN   (1u << ROLE_MAIN)
#define VCPU   (1u << ROLE_VCPU)
#define IO     (1u << ROLE_IO)
#define READER (1u << ROLE_READER)
#define ALL    (MAIN | VCPU | IO)

/* Above the highest system call number of any kernel we know. */
#define NAMES_MAX 512

/**
 * struct rule - system calls allowed whatever their arguments
 * @nr: number
 * @roles: for whom, beside the main thread
 */
struct rule {
	int nr;
	unsigned int roles;
};

static const struct rule rules[] = {
	/* memory: the allocator, thread stacks, the balloon, free page reports */
	{SCMP_SYS(brk), ALL | READER},
	{SCMP_SYS(munmap), ALL | READER},
	{SCMP_SYS(mremap), ALL | READER},
	{SCMP_SYS(madvise), ALL | READER},
	{SCMP_SYS(fallocate), ALL},
	{SCMP_SYS(ftruncate), MAIN},
	{SCMP_SYS(memfd_create), MAIN},
	/* waiting and waking */
	{SCMP_SYS(futex), ALL},
	{SCMP_SYS(nanosleep), ALL},
	{SCMP_SYS(clock_nanosleep), ALL},
	{SCMP_SYS(restart_syscall), ALL},
	{SCMP_SYS(sched_yield), ALL},
	{SCMP_SYS(poll), ALL},
	{SCMP_SYS(ppoll), ALL},
	{SCMP_SYS(epoll_wait), ALL},
	{SCMP_SYS(epoll_pwait), ALL},
	{SCMP_SYS(epoll_ctl), ALL},
	{SCMP_SYS(epoll_create1), MAIN},
	{SCMP_SYS(eventfd2), ALL},
	{SCMP_SYS(timerfd_create), MAIN},
	{SCMP_SYS(timerfd_settime), ALL},
	{SCMP_SYS(timerfd_gettime), ALL},
	/* time and chance */
	{SCMP_SYS(clock_gettime), ALL},
	{SCMP_SYS(clock_getres), ALL},
	{SCMP_SYS(gettimeofday), ALL},
	{SCMP_SYS(time), ALL},
	{SCMP_SYS(getrandom), ALL},
	/* descriptors that are open already */
	{SCMP_SYS(read), ALL | READER},
	{SCMP_SYS(write), ALL | READER},
	{SCMP_SYS(readv), ALL},
	{SCMP_SYS(writev), ALL},
	{SCMP_SYS(pread64), ALL | READER},
	{SCMP_SYS(pwrite64), ALL | READER},
	{SCMP_SYS(preadv), ALL},
	{SCMP_SYS(pwritev), ALL},
	{SCMP_SYS(preadv2), ALL},
	{SCMP_SYS(pwritev2), ALL},
	{SCMP_SYS(lseek), ALL | READER},
	{SCMP_SYS(fsync), ALL},
	{SCMP_SYS(fdatasync), ALL},
	{SCMP_SYS(close), ALL | READER},
	{SCMP_SYS(fstat), ALL},
	{SCMP_SYS(io_uring_enter), ALL},
	{SCMP_SYS(io_uring_setup), MAIN},
	{SCMP_SYS(io_uring_register), MAIN},
	{SCMP_SYS(recvmsg), ALL},
	{SCMP_SYS(sendmsg), ALL},
	{SCMP_SYS(recvfrom), ALL},
	{SCMP_SYS(sendto), ALL},
	/* signals and threads */
	{SCMP_SYS(rt_sigreturn), ALL | READER},
	{SCMP_SYS(rt_sigprocmask), ALL},
	{SCMP_SYS(rt_sigtimedwait), ALL},
	{SCMP_SYS(rt_sigaction), MAIN},
	{SCMP_SYS(signalfd4), MAIN},
	{SCMP_SYS(getpid), ALL},
	{SCMP_SYS(gettid), ALL},
	{SCMP_SYS(exit), ALL},
	{SCMP_SYS(exit_group), ALL | READER},
	{SCMP_SYS(sched_setaffinity), VCPU},
	{SCMP_SYS(sched_getaffinity), ALL},
	{SCMP_SYS(set_robust_list), ALL},
	{SCMP_SYS(rseq), ALL},
	{SCMP_SYS(membarrier), ALL},
	{SCMP_SYS(clone), MAIN},
	{SCMP_SYS(clone3), MAIN},
	{SCMP_SYS(seccomp), MAIN},
	/* the control socket, consoles, the end of the run-time directory */
	{SCMP_SYS(accept4), MAIN},
	{SCMP_SYS(getsockopt), MAIN},
	{SCMP_SYS(socketpair), MAIN},
	{SCMP_SYS(shutdown), MAIN},
	{SCMP_SYS(fcntl), MAIN},
	{SCMP_SYS(dup), MAIN},
	{SCMP_SYS(openat), MAIN},
	{SCMP_SYS(newfstatat), MAIN},
	{SCMP_SYS(getdents64), MAIN},
	{SCMP_SYS(unlinkat), MAIN},
	{SCMP_SYS(renameat), MAIN},
	{SCMP_SYS(wait4), MAIN},
	/* what a child does before it becomes a reader */
	{SCMP_SYS(alarm), MAIN},
	{SCMP_SYS(close_range), MAIN},
	{SCMP_SYS(getuid), MAIN},
	{SCMP_SYS(geteuid), MAIN},
};

/**
 * struct request - an ioctl that is allowed
 * @nr: number
 * @roles: for whom, beside the main thread
 */
struct request {
	unsigned int nr;
	unsigned int roles;
};

static const struct request requests[] = {
	/* The first is what a vCPU does all its life. */
	{KVM_RUN, VCPU},
	{KVM_GET_REGS, VCPU},
	{KVM_SET_REGS, VCPU},
	{KVM_GET_SREGS, VCPU},
	{KVM_SET_SREGS, VCPU},
	/* hypercalls of PVH guests: their arguments, and what they arrange */
	{KVM_TRANSLATE, VCPU},
	{KVM_SET_USER_MEMORY_REGION, VCPU},
	{KVM_XEN_HVM_SET_ATTR, VCPU},
	{KVM_XEN_VCPU_SET_ATTR, VCPU},
	{KVM_XEN_HVM_EVTCHN_SEND, ALL},
	{KVM_IRQ_LINE, ALL},
	{KVM_SIGNAL_MSI, ALL},
	{KVM_SET_GSI_ROUTING, ALL},
	{KVM_IRQFD, ALL},
	{KVM_IOEVENTFD, ALL},
	/* a tap follows what the guest's driver negotiates */
	{TUNSETOFFLOAD, ALL},
	{TUNSETVNETHDRSZ, ALL},
	{TUNSETQUEUE, ALL},
	/* discard and zero on block devices */
	{BLKDISCARD, ALL},
	{BLKZEROOUT, ALL},
	{BLKSECDISCARD, ALL},
	{BLKGETSIZE64, ALL},
	/* a disk that comes to a running guest */
	{BLKSSZGET, MAIN},
	{BLKPBSZGET, MAIN},
	{FIONBIO, MAIN},
	{FIONREAD, ALL},
	/* the consoles' ptys */
	{TCGETS, MAIN},
	{TCSETS, MAIN},
	{TIOCGWINSZ, MAIN},
	{TIOCSWINSZ, MAIN},
};

/* Families of ioctls, by their type byte, on nodes that are open already. */
static const struct request families[] = {
	{KVMIO, MAIN},
	{HVCTL_MAGIC, MAIN},
	{VHOST_VIRTIO, ALL},
};

static struct sock_fprog programs[N_ROLES];
static char *names[NAMES_MAX];

static bool allowed(unsigned int roles, enum sandbox_role role)
{
	return role == ROLE_MAIN || roles & 1u << role;
}

static int add_ioctls(scmp_filter_ctx ctx, enum sandbox_role role)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(requests); i++)
		if (allowed(requests[i].roles, role))
			ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
					       SCMP_A1_32(SCMP_CMP_EQ, requests[i].nr));
	for (size_t i = 0; !ret && i < ARRAY_SIZE(families); i++)
		if (allowed(families[i].roles, role))
			ret = seccomp_rule_add(
				ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				SCMP_A1_32(SCMP_CMP_MASKED_EQ, 0xff00, families[i].nr << 8));
	return ret;
}

static int add_rules(scmp_filter_ctx ctx, enum sandbox_role role)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(rules); i++)
		if (allowed(rules[i].roles, role))
			ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, rules[i].nr, 0);
	if (!ret)
		ret = add_ioctls(ctx, role);
	/* No memory of vmmd ever becomes code. */
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				       SCMP_A2_32(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				       SCMP_A2_32(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* Kicks of vCPUs and abort() stay within the process. A reader is another one. */
	if (!ret && role != ROLE_READER)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				       SCMP_A0_32(SCMP_CMP_EQ, (unsigned int)getpid()));
	/* pthread_setname_np() of a new thread, before it narrows itself */
	if (!ret && role == ROLE_MAIN)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
				       SCMP_A0_32(SCMP_CMP_EQ, PR_SET_NAME));
	/* Limits of the process itself: a child lowers its own. */
	if (!ret && role == ROLE_MAIN)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
				       SCMP_A0_32(SCMP_CMP_EQ, 0));
	/* A vCPU makes hardly any other call: look for it first. */
	if (!ret)
		ret = seccomp_syscall_priority(ctx, SCMP_SYS(ioctl), 255);
	return ret;
}

/* Keep the compiled filter in memory: threads load it without libseccomp. */
static int export(scmp_filter_ctx ctx, struct sock_fprog *program)
{
	int fd = memfd_create("filter", MFD_CLOEXEC);
	struct stat st;
	int ret;

	if (fd < 0)
		return -errno;
	ret = seccomp_export_bpf(ctx, fd);
	if (!ret && fstat(fd, &st))
		ret = -errno;
	if (ret)
		goto out;
	program->len = (unsigned short)((size_t)st.st_size / sizeof(*program->filter));
	program->filter = malloc((size_t)st.st_size);
	if (!program->filter)
		ret = -ENOMEM;
	else if (pread(fd, program->filter, (size_t)st.st_size, 0) != st.st_size)
		ret = -EIO;
out:
	close(fd);
	return ret;
}

static int build(enum sandbox_role role)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_TRAP);
	int ret;

	if (!ctx)
		return -ENOMEM;
	ret = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!ret)
		ret = add_rules(ctx, role);
	if (!ret)
		ret = export(ctx, &programs[role]);
	seccomp_release(ctx);
	return ret;
}

int sandbox_filters_build(void)
{
	for (int nr = 0; nr < NAMES_MAX; nr++)
		names[nr] = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, nr);
	for (int role = 0; role < N_ROLES; role++) {
		int ret = build(role);

		if (ret) {
			log_err("sandbox: cannot make the filter of role %d: %s", role,
				strerror(-ret));
			return ret;
		}
	}
	return 0;
}

int sandbox_filter_load(enum sandbox_role role)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &programs[role]) ? -errno : 0;
}

const char *sandbox_syscall_name(int nr)
{
	return nr >= 0 && nr < NAMES_MAX && names[nr] ? names[nr] : "?";
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The module: taking the processors, giving them back, and the device.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/reboot.h>
#include <linux/syscore_ops.h>

#include "hvctl.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

const struct hv_backend *hv_backend;

/* Whether this CPU may enter guests. Written on that CPU, interrupts off. */
DEFINE_PER_CPU(bool, hv_cpu_on);

static enum cpuhp_state hotplug_state;

static int cpu_on(void)
{
	int r = hv_backend->cpu_enable();

	if (!r)
		this_cpu_write(hv_cpu_on, true);
	return r;
}

static void cpu_off(void)
{
	if (!this_cpu_read(hv_cpu_on))
		return;
	this_cpu_write(hv_cpu_on, false);
	hv_backend->cpu_disable();
}

static int hotplug_online(unsigned int cpu)
{
	unsigned long flags;
	int r;

	local_irq_save(flags);
	r = cpu_on();
	local_irq_restore(flags);
	if (r == -EBUSY)
		pr_err("%s is in use on CPU %u: another hypervisor (kvm?) holds it; unload it first: modprobe -r kvm_amd kvm_intel\n",
		       hv_backend->name, cpu);
	return r;
}

/*
 * vCPU threads may still be on this CPU: they find hv_cpu_on cleared before
 * they enter the guest again, and the scheduler moves them away.
 */
static int hotplug_offline(unsigned int cpu)
{
	unsigned long flags;

	local_irq_save(flags);
	cpu_off();
	local_irq_restore(flags);
	return 0;
}

/* The boot CPU is not unplugged for suspend; the others are. */
static int hv_suspend(void)
{
	cpu_off();
	hv_clock_suspend();
	return 0;
}

static void hv_resume(void)
{
	if (cpu_on())
		pr_err("%s could not be switched on again after resume\n",
		       hv_backend->name);
	hv_clock_hotplug();
}

static struct syscore_ops syscore = {
	.suspend = hv_suspend,
	.resume = hv_resume,
};

static void cpu_off_ipi(void *unused)
{
	cpu_off();
}

/*
 * A CPU with SVM or VMX on may ignore INIT, on which warm reboot and kexec
 * rely to start it again. With VMX it always does; with SVM only while GIF is
 * clear. After a panic no notifier runs. The NMI that stops a CPU then is an
 * intercept that svm_vmrun() follows with STGI, so nothing is left to be done
 * with SVM. For VMX there is the callback below.
 */
static int reboot_notify(struct notifier_block *nb, unsigned long code, void *cmd)
{
	on_each_cpu(cpu_off_ipi, NULL, 1);
	return NOTIFY_OK;
}

static struct notifier_block reboot_nb = {
	.notifier_call = reboot_notify,
};

static void give_back_cpus(void)
{
	cpuhp_remove_state(hotplug_state);
	if (hv_backend->cpu_emergency)
		hv_emergency_unregister(hv_backend->cpu_emergency);
}

static struct miscdevice hv_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hvctl",
	.fops = &hv_device_fops,
};

static int __init choose_backend(void)
{
	static const struct hv_backend *const backends[] = {
		&hv_svm_backend,
		&hv_vmx_backend,
	};
	int i, r;

	for (i = 0; i < ARRAY_SIZE(backends); i++) {
		if (!backends[i]->present())
			continue;
		r = backends[i]->probe();
		if (!r)
			hv_backend = backends[i];
		return r;
	}
	/* Firmware that turns an extension off hides it on some machines. */
	pr_err("this CPU has neither SVM nor VMX, or the firmware hides it\n");
	return -EOPNOTSUPP;
}

static int __init hvctl_init(void)
{
	int r;

	r = choose_backend();
	if (r)
		return r;
	r = hv_backend->setup();
	if (r)
		return r;
	hv_fpu_init();
	r = hv_clock_init();
	if (r)
		goto err_backend;
	r = hv_irqfd_init();
	if (r)
		goto err_clock;

	r = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "hvctl:online",
			      hotplug_online, hotplug_offline);
	if (r < 0)
		goto err_irqfd;
	hotplug_state = r;

	if (hv_backend->cpu_emergency)
		hv_emergency_register(hv_backend->cpu_emergency);
	register_syscore_ops(&syscore);
	r = register_reboot_notifier(&reboot_nb);
	if (r)
		goto err_hotplug;
	r = hv_netlink_init();
	if (r)
		goto err_reboot;
	r = misc_register(&hv_misc);
	if (r)
		goto err_netlink;

	pr_info("%s in use on %u CPUs\n", hv_backend->name, num_online_cpus());
	return 0;

err_netlink:
	hv_netlink_exit();
err_reboot:
	unregister_reboot_notifier(&reboot_nb);
err_hotplug:
	unregister_syscore_ops(&syscore);
	give_back_cpus();
err_irqfd:
	hv_irqfd_exit();
err_clock:
	hv_clock_exit();
err_backend:
	hv_backend->teardown();
	return r;
}

static void __exit hvctl_exit(void)
{
	misc_deregister(&hv_misc);
	hv_netlink_exit();
	unregister_reboot_notifier(&reboot_nb);
	unregister_syscore_ops(&syscore);
	give_back_cpus();
	hv_irqfd_exit();
	hv_clock_exit();
	hv_backend->teardown();
	/* Objects freed by RCU callbacks of this module must be gone. */
	rcu_barrier();
}

module_init(hvctl_init);
module_exit(hvctl_exit);

MODULE_DESCRIPTION("Hosted virtualisation with the KVM ABI and Xen guests");
MODULE_LICENSE("GPL");
MODULE_VERSION(HV_VERSION);

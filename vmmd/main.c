// SPDX-License-Identifier: GPL-2.0
/*
 * vmmd: one process for one guest. `hvctl create` starts it and reads from
 * --ready-fd whether the guest lives.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "control.h"
#include "hvctl.h"
#include "runtime.h"
#include "sandbox.h"
#include "vm.h"
#include "xen/save.h"

static const char usage[] =
	"Usage: vmmd [OPTION]... CONFIG|- [KEY=VALUE]...\n"
	"Run one guest in this process. 'hvctl create' is the usual way to start it.\n"
	"\n"
	"  -d, --device=NODE   node of the KVM ABI (default: device= of the\n"
	"                      configuration, else /dev/hvctl)\n"
	"  -p, --paused        do not run the guest before 'hvctl unpause'\n"
	"  -r, --ready-fd=N    write 'ok DOMID' or 'error TEXT' to descriptor N,\n"
	"                      and messages to the guest's log file\n"
	"      --restore=FILE  the guest that 'hvctl save' wrote to FILE; with CONFIG -\n"
	"                      the configuration is the one in FILE\n"
	"      --no-sandbox    keep all privileges (for debugging)\n"
	"  -h, --help          show this\n"
	"\n"
	"KEY=VALUE words win over the file. Exit status: 0 when the guest has lived,\n"
	"1 when it could not be started.\n";

/**
 * struct options - the command line
 * @device: --device, or NULL
 * @paused: --paused
 * @ready_fd: --ready-fd, or -1
 * @restore: --restore, or NULL
 * @sandbox: no --no-sandbox
 * @config: CONFIG
 * @overrides: KEY=VALUE words, NULL-terminated
 */
struct options {
	const char *device;
	bool paused;
	int ready_fd;
	const char *restore;
	bool sandbox;
	const char *config;
	char *const *overrides;
};

/* Long options without a letter. */
#define OPT_NO_SANDBOX 256
#define OPT_RESTORE    257

static int parse_fd(const char *text)
{
	char *end;
	long fd;

	errno = 0;
	fd = strtol(text, &end, 10);
	if (errno || end == text || *end || fd < 0 || fd > INT32_MAX) {
		log_err("--ready-fd=%s: not a descriptor", text);
		return -EINVAL;
	}
	return (int)fd;
}

/* Return: 0 to go on, 1 when all is done, or a negative errno. */
static int parse_options(int argc, char **argv, struct options *opt)
{
	static const struct option longopts[] = {
		{"device", required_argument, NULL, 'd'},
		{"paused", no_argument, NULL, 'p'},
		{"ready-fd", required_argument, NULL, 'r'},
		{"no-sandbox", no_argument, NULL, OPT_NO_SANDBOX},
		{"restore", required_argument, NULL, OPT_RESTORE},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int c;

	*opt = (struct options){.ready_fd = -1, .sandbox = true};
	while ((c = getopt_long(argc, argv, "d:pr:h", longopts, NULL)) != -1) {
		switch (c) {
		case 'd':
			opt->device = optarg;
			break;
		case 'p':
			opt->paused = true;
			break;
		case 'r':
			opt->ready_fd = parse_fd(optarg);
			if (opt->ready_fd < 0)
				return -EINVAL;
			break;
		case OPT_RESTORE:
			opt->restore = optarg;
			break;
		case OPT_NO_SANDBOX:
			opt->sandbox = false;
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		default:
			fputs("Try 'vmmd --help'.\n", stderr);
			return -EINVAL;
		}
	}
	if (optind == argc) {
		log_err("no configuration file given: try 'vmmd --help'");
		return -EINVAL;
	}
	opt->config = argv[optind];
	opt->overrides = argv + optind + 1;
	return 0;
}

/* Tell who waits how it went; nobody may be there any more. */
static void report(int *ready_fd, const char *word, const char *text)
{
	if (*ready_fd < 0)
		return;
	dprintf(*ready_fd, "%s %s\n", word, text);
	close(*ready_fd);
	*ready_fd = -1;
}

static int read_config(const struct options *opt, struct vm *vm)
{
	struct config *cfg = &vm->cfg;
	struct config_error err;
	const char *text;
	size_t i, len;
	int ret;

	ret = opt->restore ? restore_open(vm, opt->restore) : 0;
	if (ret)
		return ret;
	if (opt->restore && !strcmp(opt->config, "-")) {
		text = restore_config(vm, &len);
		ret = config_parse_text(opt->restore, text, len, opt->overrides, cfg, &err);
	} else {
		ret = config_parse_file(opt->config, opt->overrides, cfg, &err);
	}
	if (ret) {
		log_err("%s", err.text);
		return ret;
	}
	for (i = 0; i < cfg->n_warnings; i++)
		log_warn("%s", cfg->warnings[i]);
	return vm->restore ? restore_check(vm) : 0;
}

/* Messages carry the guest's name, and go where `hvctl` finds them. */
static void start_log(const struct vm *vm, bool to_file)
{
	char prefix[CONFIG_NAME_MAX + sizeof("vmmd[]")];

	snprintf(prefix, sizeof(prefix), "vmmd[%s]", vm->cfg.name);
	if (to_file)
		dup2(vm->runtime->log_fd, STDERR_FILENO);
	log_init(prefix, to_file);
}

/* Claim what only a privileged process can, then give privileges up. */
static int confine(struct vm *vm, const struct options *opt)
{
	struct sandbox_params params = {
		.enabled = opt->sandbox,
		.change_user = opt->sandbox && geteuid() == 0,
		.log_fd = STDERR_FILENO,
	};
	int ret;

	vm->domid = runtime_next_domid(vm->runtime);
	if (params.change_user) {
		ret = runtime_claim_uid(vm->runtime, vm->domid, &params.uid);
		if (!ret)
			ret = runtime_hand_over(vm->runtime, params.uid);
		if (ret) {
			log_err("no user id for the guest: %s", strerror(-ret));
			return ret;
		}
	}
	return sandbox_enter(&params);
}

static void on_signal(void *opaque, u32 events)
{
	struct vm *vm = opaque;

	(void)events;
	vm_request(vm, VM_DESTROY, "vmmd was told to terminate");
}

/* Termination by signal is an orderly destroy, through the main loop. */
static int watch_signals(struct vm *vm, int *fd)
{
	sigset_t set;
	int ret;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);

	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	ret = *fd < 0 ? -errno : loop_add_fd(vm->main_loop, *fd, EPOLLIN | EPOLLET, on_signal, vm);
	if (ret)
		log_err("signals: %s", strerror(-ret));
	return ret;
}

/* The guest's whole life. Return: whether it had one. */
static bool run_guest(struct vm *vm, struct options *opt)
{
	char domid[16];
	int signals = -1;
	bool lived = false;

	if (vm_create(vm, opt->device ? opt->device : vm->cfg.device))
		return false;
	vm->control = control_create(vm, vm->runtime);
	if (!vm->control) {
		log_err("control socket: %s", strerror(errno));
		goto out;
	}
	if (watch_signals(vm, &signals) || confine(vm, opt) || vm_power_on(vm))
		goto out;
	if (opt->paused)
		hv_set_state(&vm->hv, HVCTL_STATE_PAUSED);
	else if (vm_resume(vm))
		goto out;

	lived = true;
	snprintf(domid, sizeof(domid), "%u", vm->domid);
	report(&opt->ready_fd, "ok", domid);
	loop_run(vm->main_loop);
out:
	control_destroy(vm->control);
	vm->control = NULL;
	vm_destroy(vm);
	if (signals >= 0)
		close(signals);
	return lived;
}

int main(int argc, char **argv)
{
	char claim_error[RUNTIME_ERROR_LEN];
	struct runtime rt;
	struct options opt;
	struct vm vm = {0};
	bool lived = false;
	int ret;

	ret = parse_options(argc, argv, &opt);
	if (ret)
		return ret < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	if (read_config(&opt, &vm))
		goto out_config;
	if (runtime_claim(&rt, vm.cfg.name, claim_error)) {
		log_err("%s", claim_error);
		goto out_config;
	}
	vm.runtime = &rt;
	start_log(&vm, opt.ready_fd >= 0);
	lived = run_guest(&vm, &opt);
	runtime_release(&rt, lived);
out_config:
	restore_close(&vm);
	config_free(&vm.cfg);
	if (!lived)
		report(&opt.ready_fd, "error", log_first_error());
	return lived ? EXIT_SUCCESS : EXIT_FAILURE;
}

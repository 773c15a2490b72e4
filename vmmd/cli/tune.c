// SPDX-License-Identifier: GPL-2.0
/*
 * hvctl mem-set, mem-max, vcpu-set, sysrq, trigger: what a guest has, and words to
 * it.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/domain.h"

/* MiB unless a unit follows. */
static bool parse_memory(const char *text, uint64_t *mib)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (!isdigit((unsigned char)*text))
		goto bad;
	switch (tolower((unsigned char)*end)) {
	case 'k':
		n /= 1024;
		end++;
		break;
	case 'g':
		n *= 1024;
		end++;
		break;
	case 't':
		n *= 1024 * 1024;
		end++;
		break;
	case 'm':
		end++;
		break;
	}
	if (*end || !n || n > 1ull << 40)
		goto bad;
	*mib = n;
	return true;
bad:
	cli_error("bad memory '%s': expected MiB, or a number with k, m, g or t", text);
	return false;
}

/* No options; so many arguments. Return: whether to go on, else @status counts. */
static bool take_arguments(const struct verb *verb, int argc, char **argv, int least, int most,
			   const char *wrong, int *status)
{
	if (!cli_option(verb, argc, argv, "", NULL, status))
		return false;
	if (argc - optind >= least && argc - optind <= most)
		return true;
	*status = cli_usage(verb, wrong);
	return false;
}

static int set_memory(const struct verb *verb, int argc, char **argv)
{
	struct json_object *request;
	uint64_t mib;
	int status;

	if (!take_arguments(verb, argc, argv, 2, 2, "a guest and an amount are needed", &status))
		return status;
	if (!parse_memory(argv[optind + 1], &mib))
		return EXIT_USAGE;
	request = client_request(verb->name);
	json_object_object_add(request, "mib", json_object_new_uint64(mib));
	return domain_ask(argv[optind], request, NULL);
}

int verb_mem_set(const struct verb *verb, int argc, char **argv)
{
	return set_memory(verb, argc, argv);
}

int verb_mem_max(const struct verb *verb, int argc, char **argv)
{
	return set_memory(verb, argc, argv);
}

int verb_vcpu_set(const struct verb *verb, int argc, char **argv)
{
	struct json_object *request;
	uint64_t vcpus;
	int status;

	if (!take_arguments(verb, argc, argv, 2, 2, "a guest and a number are needed", &status))
		return status;
	if (!cli_number(argv[optind + 1], CONFIG_VCPUS_MAX, &vcpus))
		return EXIT_USAGE;
	request = client_request("vcpu-set");
	json_object_object_add(request, "vcpus", json_object_new_uint64(vcpus));
	return domain_ask(argv[optind], request, NULL);
}

int verb_sysrq(const struct verb *verb, int argc, char **argv)
{
	struct json_object *request;
	const char *key;
	int status;

	if (!take_arguments(verb, argc, argv, 2, 2, "a guest and a key are needed", &status))
		return status;
	key = argv[optind + 1];
	if (strlen(key) != 1 || !isgraph((unsigned char)*key)) {
		cli_error("bad key '%s': expected one letter or digit", key);
		return EXIT_USAGE;
	}
	request = client_request("sysrq");
	json_object_object_add(request, "key", json_object_new_string(key));
	return domain_ask(argv[optind], request, NULL);
}

int verb_trigger(const struct verb *verb, int argc, char **argv)
{
	static const char *const known[] = {"nmi", "power", "reset"};
	bool with_vcpu, found = false;
	struct json_object *request;
	uint64_t vcpu = 0;
	int status;

	if (!take_arguments(verb, argc, argv, 2, 3, "a guest and a trigger are needed", &status))
		return status;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		found |= !strcmp(known[i], argv[optind + 1]);
	if (!found) {
		cli_error("unknown trigger '%s': expected nmi, power or reset", argv[optind + 1]);
		return EXIT_USAGE;
	}
	with_vcpu = argc - optind == 3;
	if (with_vcpu && strcmp(argv[optind + 1], "nmi"))
		return cli_usage(verb, "a vCPU has a meaning with nmi only");
	if (with_vcpu && !cli_number(argv[optind + 2], CONFIG_VCPUS_MAX, &vcpu))
		return EXIT_USAGE;
	request = client_request("trigger");
	json_object_object_add(request, "trigger", json_object_new_string(argv[optind + 1]));
	if (with_vcpu)
		json_object_object_add(request, "vcpu", json_object_new_uint64(vcpu));
	return domain_ask(argv[optind], request, NULL);
}

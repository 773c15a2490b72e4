// SPDX-License-Identifier: GPL-2.0
/*
 * hvctl net: a network of the host's own for guests.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "config.h"
#include "net.h"

static const struct option longs[] = {
	{"bridge", required_argument, NULL, 'b'},
	{"address", required_argument, NULL, 'a'},
	{NULL, 0, NULL, 0},
};

int verb_net(const struct verb *verb, int argc, char **argv)
{
	struct net_up_options options = {
		.bridge = CONFIG_BRIDGE_DEFAULT,
		.address = NET_UP_ADDRESS_DEFAULT,
	};
	struct net_error err;
	int opt, status, ret;

	while ((opt = cli_option(verb, argc, argv, "b:a:", longs, &status)) > 0) {
		if (opt == 'b')
			options.bridge = optarg;
		else
			options.address = optarg;
	}
	if (!opt)
		return status;
	if (argc - optind != 1)
		return cli_usage(verb, "one of up and down is needed");
	if (!strcmp(argv[optind], "up"))
		ret = net_up(&options, &err);
	else if (!strcmp(argv[optind], "down"))
		ret = net_down(&options, &err);
	else
		return cli_usage(verb, "neither up nor down");
	if (ret) {
		cli_error("net %s: %s", argv[optind], err.text);
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

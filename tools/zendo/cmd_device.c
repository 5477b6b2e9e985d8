/* SPDX-License-Identifier: GPL-2.0-only */
/* Devices of running domains: block-*, network-* and device list, all by the agent (hotplug.h). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <json-c/json.h>

#include "cli.h"
#include "config.h"
#include "control.h"
#include "hotplug.h"

#define WAIT_S	30	/* as long as it has to let go of one */

/* ---- the agent ---- */

static struct json_object *request_of(const char *what, uint32_t domid)
{
	struct json_object *o = json_object_new_object();

	(void)json_object_object_add(o, "do", json_object_new_string(what));
	(void)json_object_object_add(o, "domid", json_object_new_int64(domid));
	return o;
}

static void add_string(struct json_object *o, const char *key, const char *value)
{
	(void)json_object_object_add(o, key, json_object_new_string(value));
}

static int connect_agent(int *ret_fd)
{
	int r = zendo_hotplug_connect(ret_fd);

	if (r == -EACCES)
		return fail(EXIT_PERMISSION, "no permission to ask for devices: be root or a member of the group zendo [Z0102]");
	if (r == -ENOENT || r == -ECONNREFUSED)
		return fail(EXIT_FAILED, "zendo-hotplug does not run, which serves devices: systemctl start zendo-hotplug [Z0412]");
	return r < 0 ? fail(EXIT_FAILED, "cannot reach zendo-hotplug: %s", strerror(-r)) : EXIT_OK;
}

/* @request is released. 0 with the answer in *ret (may be NULL), or an exit status. */
static int ask_agent(int fd, struct json_object *request, struct json_object **ret)
{
	struct json_object *answer = NULL;
	int r = zendo_control_request(fd, request, &answer), status = EXIT_OK;

	json_object_put(request);
	if (r == -EPIPE || r == -ECONNRESET)
		return fail(EXIT_FAILED, "zendo-hotplug ended in the middle of it ('systemctl status zendo-hotplug zendo-stored' says why); "
			    "'zendo device list' shows what there is");
	if (r < 0)
		return fail(EXIT_FAILED, "zendo-hotplug does not answer: %s", strerror(-r));
	if (!json_object_get_boolean(json_object_object_get(answer, "ok"))) {
		const char *word = json_object_get_string(json_object_object_get(answer, "error"));

		status = fail(word && strcmp(word, "denied") == 0 ? EXIT_PERMISSION : EXIT_FAILED, "%s",
			      json_object_get_string(json_object_object_get(answer, "text")));
	} else if (ret) {
		*ret = json_object_get(answer);
	}
	json_object_put(answer);
	return status;
}

static int ask_once(struct json_object *request)
{
	_cleanup_close_ int fd = -EBADF;
	int r = connect_agent(&fd);

	if (r != EXIT_OK) {
		json_object_put(request);
		return r;
	}
	return ask_agent(fd, request, NULL);
}

static int find_running(const char *what, struct hvpriv_domain_info *ret)
{
	_cleanup_close_ int device = -EBADF;
	int r = open_running(&device);

	return r == EXIT_OK ? find_domain(device, what, ret) : r;
}

/* All devices of a domain, a part in each answer. */
static int list_devices(uint32_t domid, struct json_object **ret)
{
	_cleanup_close_ int fd = -EBADF;
	struct json_object *all, *answer, *part, *next = NULL;
	int64_t from = 0;
	int r = connect_agent(&fd);

	if (r != EXIT_OK)
		return r;
	all = json_object_new_array();
	do {
		struct json_object *request = request_of("list", domid);

		(void)json_object_object_add(request, "from", json_object_new_int64(from));
		r = ask_agent(fd, request, &answer);
		if (r != EXIT_OK) {
			json_object_put(all);
			return r;
		}
		part = json_object_object_get(answer, "devices");
		for (size_t i = 0; i < json_object_array_length(part); i++)
			(void)json_object_array_add(all, json_object_get(json_object_array_get_idx(part, i)));
		next = json_object_object_get(answer, "next");
		from = json_object_get_int64(next);
		json_object_put(answer);
	} while (next);
	*ret = all;
	return EXIT_OK;
}

/* ---- lists ---- */

static const char *text_of(struct json_object *o, const char *key)
{
	const char *s = json_object_get_string(json_object_object_get(o, key));

	return s ? s : "-";
}

static int64_t number_of(struct json_object *o, const char *key)
{
	return json_object_get_int64(json_object_object_get(o, key));
}

static const char *state_name(int64_t state)
{
	static const char *const names[] = {
		"unknown", "starting", "waiting", "ready", "connected", "closing", "closed", "changing", "changed",
	};

	return state >= 0 && state < 9 ? names[state] : names[0];
}

static bool is_class(struct json_object *o, const char *class)
{
	return !class || strcmp(text_of(o, "class"), class) == 0;
}

/* xl's columns, and what people look for behind them. */
static void print_disk(struct json_object *o)
{
	printf("%-8" PRId64 " %-3d %-6" PRId64 " %-6" PRId64 " %-10s %-6s %-4s %s\n", number_of(o, "devid"), 0, number_of(o, "domid"),
	       number_of(o, "backend_state"), state_name(number_of(o, "backend_state")), text_of(o, "dev"), text_of(o, "mode"),
	       text_of(o, "params"));
}

static void print_network(struct json_object *o)
{
	printf("%-4" PRId64 " %-3d %-17s %-6" PRId64 " %-6" PRId64 " %-10s %-15s %s\n", number_of(o, "devid"), 0, text_of(o, "mac"),
	       number_of(o, "domid"), number_of(o, "backend_state"), state_name(number_of(o, "backend_state")), text_of(o, "vifname"),
	       text_of(o, "bridge"));
}

static void print_device(struct json_object *o)
{
	bool disk = is_class(o, "vbd");

	printf("%-16s %-10s %-10s %-10s %s%s\n", text_of(o, "device"), state_name(number_of(o, "frontend_state")),
	       state_name(number_of(o, "backend_state")), text_of(o, "kernel"), disk ? text_of(o, "params") : text_of(o, "mac"),
	       json_object_get_boolean(json_object_object_get(o, "detaching")) ? " (detaching)" : "");
	if (json_object_object_get(o, "error"))
		printf("                 %s\n", text_of(o, "error"));
}

static const struct {
	const char *class, *head;
	void (*print)(struct json_object *o);
} lists[] = {
	{ "vbd", "Vdev     BE  handle state  is         dev    mode target", print_disk },
	{ "vif", "Idx  BE  Mac Addr.         handle state  is         name            bridge", print_network },
	{ NULL, "Device           guest      backend    kernel     target", print_device },
};

static int list_of(int argc, char **argv, const char *class)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, {} };
	struct json_object *all, *wanted;
	struct hvpriv_domain_info info;
	bool json = false;
	size_t i = 0;
	int c, r;

	while ((c = getopt_long(argc, argv, "j", options, NULL)) >= 0)
		if (c == 'j')
			json = true;
		else
			return EXIT_USAGE;
	if (optind + 1 != argc)
		return EXIT_USAGE;
	r = find_running(argv[optind], &info);
	if (r == EXIT_OK)
		r = list_devices(info.domid, &all);
	if (r != EXIT_OK)
		return r;
	while (lists[i].class && (!class || strcmp(lists[i].class, class) != 0))
		i++;
	wanted = json_object_new_array();
	for (size_t k = 0; k < json_object_array_length(all); k++)
		if (is_class(json_object_array_get_idx(all, k), class))
			(void)json_object_array_add(wanted, json_object_get(json_object_array_get_idx(all, k)));
	json_object_put(all);
	if (json)
		return print_json(wanted);
	puts(lists[i].head);
	for (size_t k = 0; k < json_object_array_length(wanted); k++)
		lists[i].print(json_object_array_get_idx(wanted, k));
	json_object_put(wanted);
	return EXIT_OK;
}

/* What was said of the arguments is getopt's, or nothing. */
static int list_command(int argc, char **argv, const char *name, const char *class)
{
	int r = list_of(argc, argv, class);

	return r == EXIT_USAGE ? usage(name) : r;
}

int cmd_block_list(int argc, char **argv)
{
	return list_command(argc, argv, "block-list", "vbd");
}

int cmd_network_list(int argc, char **argv)
{
	return list_command(argc, argv, "network-list", "vif");
}

int cmd_device(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "list") != 0)
		return usage("device");
	return list_command(argc - 1, argv + 1, "device", NULL);
}

/* ---- attach ---- */

/* Several arguments are one text, as xl has it: a comma between. */
static int join(char **argv, char **ret)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -ENOMEM;
	for (char **a = argv; *a; a++)
		fprintf(f, "%s%s", a == argv ? "" : ",", *a);
	if (fclose(f) != 0)
		return -ENOMEM;
	*ret = TAKE_PTR(text);
	return 0;
}

/* Seconds on the command line, of the option @name. */
static int parse_seconds(const char *name, const char *s, int64_t *ret)
{
	if (!*s || strlen(s) > 5 || strspn(s, "0123456789") != strlen(s))
		return fail(EXIT_USAGE, "--%s is '%s', must be a number of seconds", name, s);
	*ret = strtol(s, NULL, 10);
	return EXIT_OK;
}

static int attach(int argc, char **argv, const char *key, int least)
{
	static const struct option options[] = { { "wait", required_argument, NULL, 'w' }, {} };
	_cleanup_free_ char *text = NULL;
	struct hvpriv_domain_info info;
	struct json_object *request;
	int64_t wait = WAIT_S;
	int c, r = EXIT_OK;

	while (r == EXIT_OK && (c = getopt_long(argc, argv, "w:", options, NULL)) >= 0)
		r = c == 'w' ? parse_seconds("wait", optarg, &wait) : usage(argv[0]);
	if (r == EXIT_OK && argc - optind < least)
		r = usage(argv[0]);
	if (r != EXIT_OK)
		return r;
	if (join(argv + optind + 1, &text) < 0)
		return fail(EXIT_FAILED, "out of memory");
	r = find_running(argv[optind], &info);
	if (r != EXIT_OK)
		return r;
	request = request_of("attach", info.domid);
	add_string(request, key, text);
	(void)json_object_object_add(request, "wait", json_object_new_int64(wait));
	return ask_once(request);
}

int cmd_block_attach(int argc, char **argv)
{
	return attach(argc, argv, "disk", 2);
}

int cmd_network_attach(int argc, char **argv)
{
	return attach(argc, argv, "vif", 1);
}

/* ---- detach and resize ---- */

/* @what is a number, or "xvda" of a disk, or the MAC address of an interface. */
static int find_devid(uint32_t domid, const char *class, const char *what, uint32_t *ret)
{
	const char *key = strcmp(class, "vbd") == 0 ? "dev" : "mac";
	struct json_object *all, *found = NULL;
	int r = list_devices(domid, &all);
	char number[16];

	if (r != EXIT_OK)
		return r;
	for (size_t i = 0; i < json_object_array_length(all) && !found; i++) {
		struct json_object *o = json_object_array_get_idx(all, i);

		(void)snprintf(number, sizeof(number), "%" PRId64, number_of(o, "devid"));
		if (is_class(o, class) && (strcmp(number, what) == 0 || strcasecmp(text_of(o, key), what) == 0))
			found = o;
	}
	if (found)
		*ret = (uint32_t)number_of(found, "devid");
	json_object_put(all);
	return found ? EXIT_OK : fail(EXIT_FAILED, "domain %" PRIu32 " has no %s %s", domid,
				      strcmp(class, "vbd") == 0 ? "disk" : "interface", what);
}

static int request_for(char **argv, const char *what, const char *class, struct json_object **ret)
{
	struct hvpriv_domain_info info;
	uint32_t devid = 0;
	int r = find_running(argv[optind], &info);

	if (r == EXIT_OK)
		r = find_devid(info.domid, class, argv[optind + 1], &devid);
	if (r != EXIT_OK)
		return r;
	*ret = request_of(what, info.domid);
	add_string(*ret, "class", class);
	(void)json_object_object_add(*ret, "devid", json_object_new_int64(devid));
	return EXIT_OK;
}

static int detach(int argc, char **argv, const char *class)
{
	static const struct option options[] = {
		{ "force", no_argument, NULL, 'f' },
		{ "timeout", required_argument, NULL, 't' },
		{}
	};
	struct json_object *request;
	int64_t timeout = -1;
	bool force = false;
	int c, r;

	while ((c = getopt_long(argc, argv, "ft:", options, NULL)) >= 0)
		switch (c) {
		case 'f':
			force = true;
			break;
		case 't':
			r = parse_seconds("timeout", optarg, &timeout);
			if (r != EXIT_OK)
				return r;
			break;
		default:
			return usage(argv[0]);
		}
	if (argc - optind != 2)
		return usage(argv[0]);
	r = request_for(argv, "detach", class, &request);
	if (r != EXIT_OK)
		return r;
	(void)json_object_object_add(request, "force", json_object_new_boolean(force));
	if (timeout >= 0)
		(void)json_object_object_add(request, "timeout", json_object_new_int64(timeout));
	return ask_once(request);
}

int cmd_block_detach(int argc, char **argv)
{
	return detach(argc, argv, "vbd");
}

int cmd_network_detach(int argc, char **argv)
{
	return detach(argc, argv, "vif");
}

int cmd_block_resize(int argc, char **argv)
{
	struct json_object *request;
	int r = plain_arguments(argc, argv, 2, 2);

	if (r == EXIT_OK)
		r = request_for(argv, "resize", "vbd", &request);
	return r == EXIT_OK ? ask_once(request) : r;
}

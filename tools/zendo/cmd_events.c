/* SPDX-License-Identifier: GPL-2.0-only */
/* What happens to domains, as it happens: hvpriv's generic netlink family, which speaks to whoever listens. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

#include "cli.h"
#include "device.h"
#include "family.h"

#define RECEIVE_BYTES	(1U << 20)	/* a burst of thousands of domains fits the socket */

struct event {
	uint8_t command;
	bool has_code;
	uint32_t domid, code;
	const char *name, *device;	/* in the message; device may be NULL */
};

struct listener {
	struct mnl_socket *nl;
	struct zendo_family family;
	bool json, gone;
};

static const char *const event_names[] = {
	[HVPRIV_CMD_CREATED] = "created",
	[HVPRIV_CMD_RUNNING] = "running",
	[HVPRIV_CMD_PAUSED] = "paused",
	[HVPRIV_CMD_SHUTDOWN] = "shutdown",
	[HVPRIV_CMD_DESTROYED] = "destroyed",
	[HVPRIV_CMD_ATTACHED] = "attached",
	[HVPRIV_CMD_DETACHED] = "detached",
	[HVPRIV_CMD_RENAMED] = "renamed",
};

static inline void mnl_socket_closep(struct mnl_socket **nl)
{
	if (*nl)
		mnl_socket_close(*nl);
}

static int event_attribute(const struct nlattr *a, void *userdata)
{
	struct event *e = userdata;

	switch (mnl_attr_get_type(a)) {
	case HVPRIV_A_DOMID:
		e->domid = mnl_attr_get_u32(a);
		break;
	case HVPRIV_A_NAME:
		e->name = mnl_attr_get_str(a);
		break;
	case HVPRIV_A_CODE:
		e->code = mnl_attr_get_u32(a);
		e->has_code = true;
		break;
	case HVPRIV_A_DEVICE:
		e->device = mnl_attr_get_str(a);
		break;
	}
	return MNL_CB_OK;
}

static void print_event_json(const struct event *e, const char *what, const struct timespec *now)
{
	struct json_object *o = json_object_new_object();

	(void)json_object_object_add(o, "time_ns", json_object_new_uint64((uint64_t)now->tv_sec * 1000000000 + (uint64_t)now->tv_nsec));
	(void)json_object_object_add(o, "event", json_object_new_string(what));
	(void)json_object_object_add(o, "domid", json_object_new_uint64(e->domid));
	(void)json_object_object_add(o, "name", json_object_new_string(e->name));
	if (e->has_code)
		(void)json_object_object_add(o, "reason", json_object_new_string(zendo_shutdown_to_string(e->code)));
	if (e->device)
		(void)json_object_object_add(o, "device", json_object_new_string(e->device));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

static void print_event(const struct event *e, const char *what, const struct timespec *now)
{
	char at[32];
	struct tm tm;

	(void)strftime(at, sizeof(at), "%F %T", localtime_r(&now->tv_sec, &tm));
	printf("%s.%03ld  %-9s  %5" PRIu32 "  %s", at, now->tv_nsec / 1000000, what, e->domid, e->name);
	if (e->has_code)
		printf("  %s", zendo_shutdown_to_string(e->code));
	if (e->device)
		printf("  %s", e->device);
	putchar('\n');
}

/* The controller says which family goes: when it is ours, the module is being unloaded. */
static int controller_message(const struct nlmsghdr *nlh, struct listener *l)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	struct zendo_family f = {};

	if (genl->cmd == CTRL_CMD_DELFAMILY && zendo_family_parse(nlh, &f) >= 0 && f.id == l->family.id)
		l->gone = true;
	return MNL_CB_OK;
}

static int message(const struct nlmsghdr *nlh, void *userdata)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	struct listener *l = userdata;
	struct event e = { .name = "" };
	struct timespec now;
	const char *what;

	if (nlh->nlmsg_type == GENL_ID_CTRL)
		return controller_message(nlh, l);
	if (nlh->nlmsg_type != l->family.id)
		return MNL_CB_OK;
	if (mnl_attr_parse(nlh, sizeof(*genl), event_attribute, &e) < 0)
		return MNL_CB_ERROR;
	/* A newer module may say what this program does not know: pass over it. */
	what = genl->cmd < sizeof(event_names) / sizeof(event_names[0]) ? event_names[genl->cmd] : NULL;
	if (!what)
		return MNL_CB_OK;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(l->json ? print_event_json : print_event)(&e, what, &now);
	return MNL_CB_OK;
}

static int listen_on(struct listener *l)
{
	char buf[16384];
	ssize_t n;

	while (!l->gone) {
		n = mnl_socket_recvfrom(l->nl, buf, sizeof(buf));
		if (n < 0 && errno == ENOBUFS) {
			fprintf(stderr, "zendo: events came faster than they were read: some are lost\n");
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || mnl_cb_run(buf, (size_t)n, 0, 0, message, l) < 0)
			return fail(EXIT_FAILED, "the event stream failed: %s", strerror(errno));
		if (fflush(stdout) != 0)
			return fail(EXIT_FAILED, "cannot write: %s", strerror(errno));
	}
	return fail(EXIT_NOT_RUNNING, "the hypervisor's module was unloaded: no more events");
}

static int start(struct listener *l)
{
	int group = GENL_ID_CTRL, bytes = RECEIVE_BYTES, r;

	r = mnl_socket_bind(l->nl, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : zendo_family_find(l->nl, &l->family);
	if (r == -ENOENT)
		return fail_device(-ENODEV);
	/* Unprivileged users get what the system allows. */
	(void)setsockopt(mnl_socket_get_fd(l->nl), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (!r && (mnl_socket_setsockopt(l->nl, NETLINK_ADD_MEMBERSHIP, &l->family.group, sizeof(l->family.group)) < 0 ||
		   mnl_socket_setsockopt(l->nl, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0))
		r = -errno;
	if (r)
		return fail(EXIT_FAILED, "cannot listen for events: %s", strerror(-r));
	/* What a script does from here on is not missed. */
	fprintf(stderr, "zendo: listening for events\n");
	return EXIT_OK;
}

int cmd_events(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{}
	};
	__attribute__((cleanup(mnl_socket_closep))) struct mnl_socket *nl = NULL;
	struct listener l = { 0 };
	int c, r;

	while ((c = getopt_long(argc, argv, "j", options, NULL)) >= 0)
		if (c == 'j')
			l.json = true;
		else
			return usage(argv[0]);
	if (optind != argc)
		return usage(argv[0]);
	nl = mnl_socket_open(NETLINK_GENERIC);
	if (!nl)
		return fail(EXIT_FAILED, "cannot open a netlink socket: %s", strerror(errno));
	l.nl = nl;
	r = start(&l);
	return r == EXIT_OK ? listen_on(&l) : r;
}

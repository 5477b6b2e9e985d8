/* SPDX-License-Identifier: GPL-2.0-only */
#include "life.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <syslog.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

#include "cleanup.h"
#include "device.h"
#include "family.h"

#define RECEIVE_BYTES	(1 << 20)

static struct {
	struct store *store;
	sd_event *event;
	sd_event_source *source;
	struct mnl_socket *nl;
	struct zendo_family family;
} life;

static int on_attribute(const struct nlattr *a, void *userdata)
{
	if (mnl_attr_get_type(a) == HVPRIV_A_DOMID && mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
		*(uint32_t *)userdata = mnl_attr_get_u32(a);
	return MNL_CB_OK;
}

static int on_message(const struct nlmsghdr *nlh, void *userdata)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	uint32_t domid = 0;

	(void)userdata;
	if (nlh->nlmsg_type != life.family.id || mnl_attr_parse(nlh, sizeof(*genl), on_attribute, &domid) < 0)
		return MNL_CB_OK;
	if (genl->cmd == HVPRIV_CMD_SHUTDOWN)
		domain_has_shut_down(life.store, domid);
	else if (genl->cmd == HVPRIV_CMD_DESTROYED)
		domain_destroyed(life.store, domid);
	store_commit(life.store);
	return MNL_CB_OK;
}

struct list {
	struct hvpriv_domain_info *all;		/* in the order of their ids */
	size_t nr;
};

static const struct hvpriv_domain_info *find_in(const struct list *l, unsigned domid)
{
	size_t low = 0, high = l->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (l->all[mid].domid < domid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < l->nr && l->all[low].domid == domid ? &l->all[low] : NULL;
}

static bool is_alive(void *userdata, unsigned domid)
{
	const struct hvpriv_domain_info *d = find_in(userdata, domid);

	if (d && (d->state == HVPRIV_ST_SHUTDOWN || d->state == HVPRIV_ST_CRASHED))
		domain_has_shut_down(life.store, domid);
	return d != NULL;
}

void life_compare(void)
{
	_cleanup_free_ struct hvpriv_domain_info *all = NULL;
	_cleanup_close_ int fd = -EBADF;
	struct list l;

	if (zendo_device_open(&fd) < 0 || zendo_device_list(fd, &all, &l.nr) < 0)
		return;
	l.all = all;
	domains_compare(life.store, is_alive, &l);
	store_commit(life.store);
}

int life_find_runner(int pid, uint32_t *ret_domid, uint8_t ret_uuid[16])
{
	_cleanup_free_ struct hvpriv_domain_info *all = NULL;
	_cleanup_close_ int fd = -EBADF;
	const struct hvpriv_domain_info *d = NULL;
	size_t nr;
	int r;

	r = zendo_device_open(&fd);
	if (r >= 0)
		r = zendo_device_list(fd, &all, &nr);
	if (r < 0)
		return r;
	/* the youngest: one that keeps its last guest for a look makes another */
	for (size_t i = 0; pid > 0 && i < nr; i++)
		if (all[i].owner_pid == pid && (!d || all[i].created_ns > d->created_ns))
			d = &all[i];
	if (!d)
		return -ESRCH;
	*ret_domid = d->domid;
	memcpy(ret_uuid, d->uuid, sizeof(d->uuid));
	return 0;
}

void life_drain(void)
{
	char buf[16384];
	ssize_t n;

	while (life.nl) {
		n = recv(mnl_socket_get_fd(life.nl), buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0 && errno == ENOBUFS) {
			store_log(life.store, LOG_NOTICE, "ends of domains came faster than they were read: comparing with hvpriv's list");
			life_compare();
			continue;
		}
		if (n <= 0)
			return;
		(void)mnl_cb_run(buf, (size_t)n, 0, 0, on_message, NULL);
	}
}

static int on_netlink(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)source;
	(void)fd;
	(void)revents;
	(void)userdata;
	life_drain();
	return 0;
}

static int subscribe(struct mnl_socket *nl)
{
	int bytes = RECEIVE_BYTES, r;

	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	r = zendo_family_find(nl, &life.family);
	if (r < 0)
		return r;
	/* as much as the system allows; what is lost is found by the list */
	(void)setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (mnl_socket_setsockopt(nl, NETLINK_ADD_MEMBERSHIP, &life.family.group, sizeof(life.family.group)) < 0)
		return -errno;
	return sd_event_add_io(life.event, &life.source, mnl_socket_get_fd(nl), EPOLLIN, on_netlink, NULL);
}

void life_listen(void)
{
	struct mnl_socket *nl;

	if (life.nl)
		return;
	nl = mnl_socket_open(NETLINK_GENERIC);
	if (nl && subscribe(nl) < 0)
		mnl_socket_close(nl);
	else
		life.nl = nl;
}

void life_start(struct store *s, sd_event *event)
{
	life.store = s;
	life.event = event;
	life_listen();
}

void life_stop(void)
{
	life.source = sd_event_source_disable_unref(life.source);
	if (life.nl)
		mnl_socket_close(life.nl);
	life.nl = NULL;
}

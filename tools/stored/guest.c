/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <syslog.h>

#include <xenevtchn.h>
#include <xengnttab.h>
#include <xen/grant_table.h>

#include "mem.h"
#include "ring.h"
#include "work.h"

struct guest {
	struct work work;
	struct ring ring;
	struct domain *domain;
	evtchn_port_t port;		/* dom0's end */
	bool in_turn;
};

static struct {
	struct store *store;
	sd_event *event;
	sd_event_source *source;
	xengnttab_handle *gnttab;
	xenevtchn_handle *evtchn;
	struct guest **by_port;
	uint32_t nr_ports;
} guests;

static void guest_turn(struct work *w)
{
	struct guest *g = (struct guest *)(void *)w;
	unsigned flags;

	g->in_turn = true;
	flags = ring_work(&g->ring, 2 * REQUESTS_PER_TURN);
	g->in_turn = false;
	if (flags & RING_NOTIFY)
		(void)xenevtchn_notify(guests.evtchn, g->port);
	/* Again, behind the call: Linux has no barrier between writing its index and reading ours. */
	if (flags & RING_MORE || ring_has_work(&g->ring))
		work_queue(&g->work);
}

void guest_output(struct conn *c)
{
	struct guest *g = c->transport;

	if (g && !g->in_turn)
		work_queue(&g->work);
}

static int on_event(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	/* One for each time the descriptor is ready: the call waits when there is none. */
	xenevtchn_port_or_error_t port = xenevtchn_pending(guests.evtchn);

	(void)source;
	(void)fd;
	(void)revents;
	(void)userdata;
	if (port < 0)
		return 0;
	/* before the ring is looked at: what comes from here on raises the event again */
	(void)xenevtchn_unmask(guests.evtchn, (evtchn_port_t)port);
	if ((uint32_t)port < guests.nr_ports && guests.by_port[port])
		work_queue(&guests.by_port[port]->work);
	return 0;
}

/* Not before the first guest: without the hypervisor the devices are not there. */
static int open_devices(void)
{
	int r;

	if (!guests.gnttab)
		guests.gnttab = xengnttab_open(NULL, 0);
	if (!guests.gnttab)
		return -errno;
	if (guests.evtchn)
		return 0;
	guests.evtchn = xenevtchn_open(NULL, 0);
	if (!guests.evtchn)
		return -errno;
	r = sd_event_add_io(guests.event, &guests.source, xenevtchn_fd(guests.evtchn), EPOLLIN, on_event, NULL);
	if (r < 0) {
		(void)xenevtchn_close(guests.evtchn);
		guests.evtchn = NULL;
	}
	return r;
}

static void remember_port(struct guest *g)
{
	if (g->port >= guests.nr_ports) {
		uint32_t nr = (g->port + 64) & ~63U;

		guests.by_port = mem_or_end(realloc(guests.by_port, nr * sizeof(guests.by_port[0])));
		memset(guests.by_port + guests.nr_ports, 0, (nr - guests.nr_ports) * sizeof(guests.by_port[0]));
		guests.nr_ports = nr;
	}
	guests.by_port[g->port] = g;
}

static int cannot(const struct domain *d, const char *what)
{
	int r = errno ? -errno : -EINVAL;

	store_log(guests.store, LOG_ERR, "domain %u: cannot %s: %s", d->domid, what, strerror(-r));
	return r;
}

int guest_introduce(struct domain *d, bool again)
{
	xenevtchn_port_or_error_t port;
	struct guest *g;
	void *page;

	if (open_devices() < 0)
		return cannot(d, "open /dev/xen/gntdev and /dev/xen/evtchn");
	page = xengnttab_map_grant_ref(guests.gnttab, d->domid, GNTTAB_RESERVED_XENSTORE, PROT_READ | PROT_WRITE);
	if (!page)
		return cannot(d, "map the page of its store");
	port = xenevtchn_bind_interdomain(guests.evtchn, d->domid, d->port);
	if (port < 0) {
		int r = cannot(d, "bind its event channel");

		(void)xengnttab_unmap(guests.gnttab, page, 1);
		return r;
	}
	g = mem_new(sizeof(*g));
	g->work.turn = guest_turn;
	g->domain = d;
	g->port = (evtchn_port_t)port;
	remember_port(g);
	d->conn->transport = g;
	ring_attach(&g->ring, page, d->conn, again);
	/* It may wait for what it was told, or was not, before we came. */
	(void)xenevtchn_notify(guests.evtchn, g->port);
	work_queue(&g->work);
	return 0;
}

void guest_release(struct domain *d)
{
	struct guest *g = d->conn ? d->conn->transport : NULL;

	if (!g)
		return;
	work_cancel(&g->work);
	guests.by_port[g->port] = NULL;
	(void)xenevtchn_unbind(guests.evtchn, g->port);
	(void)xengnttab_unmap(guests.gnttab, g->ring.page, 1);
	d->conn->transport = NULL;
	free(g);
}

void guests_start(struct store *s, sd_event *event)
{
	guests.store = s;
	guests.event = event;
}

void guests_stop(void)
{
	for (unsigned i = 1; i < guests.store->domids_end; i++)
		if (guests.store->domains[i])
			guest_release(guests.store->domains[i]);
	guests.source = sd_event_source_disable_unref(guests.source);
	if (guests.evtchn)
		(void)xenevtchn_close(guests.evtchn);
	if (guests.gnttab)
		(void)xengnttab_close(guests.gnttab);
	guests.evtchn = NULL;
	guests.gnttab = NULL;
	free(guests.by_port);
	guests.by_port = NULL;
}
